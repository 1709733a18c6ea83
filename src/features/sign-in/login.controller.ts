import { Body, Controller, Get, Post, Query, Req, Res } from '@nestjs/common';
import { ApiConsumes, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AppError } from '../../common/app-error.js';
import { AcceptsForm } from '../../infrastructure/http/accepts-form.decorator.js';
import { CrossSiteError } from '../auth/auth-errors.js';
import { AuthGate } from '../auth/auth-gate.js';
import { Needs, Public } from '../auth/auth.decorators.js';
import { AuthService, type Session } from '../auth/auth.service.js';
import { sessionCookie } from '../auth/credential.js';
import { localPath } from './local-path.js';
import { loginForm, loginQuery, type LoginForm, type LoginQuery } from './login-form.js';
import { loginPage, loginPolicy, type Refusal } from './login-page.js';
import { SignIn, type SignedIn } from './sign-in.js';

/** Browser sessions for Bull Board and the docs. */
@ApiTags('sign-in')
@Controller('admin')
export class LoginController {
  constructor(
    private readonly gate: AuthGate,
    private readonly auth: AuthService,
    private readonly signIn: SignIn,
  ) {}

  @Public()
  @ApiResponse({
    status: 200,
    description: 'The login form.',
    content: { 'text/html': { schema: { type: 'string' } } },
  })
  @ApiOperation({ summary: 'The form to sign in with' })
  @Get('login')
  async form(
    @Query({ schema: loginQuery }) { next }: LoginQuery,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    await show(reply, 200, localPath(next));
  }

  @Public()
  @AcceptsForm()
  @ApiConsumes('application/x-www-form-urlencoded')
  @ApiResponse({
    status: 303,
    description: 'Signed in: sets a session cookie and redirects to `next`.',
  })
  @ApiOperation({ summary: 'Sign in with an API key, or with the password of an admin' })
  @Post('login')
  async login(
    @Body({ schema: loginForm }) form: LoginForm,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    // Otherwise another site could sign a visitor in as another user.
    if (this.gate.siteOf(request) === 'other') throw new CrossSiteError();
    const next = localPath(form.next);
    try {
      const signedIn = await this.check(form, request.ip);
      setCookie(signedIn, request, reply);
      await reply.redirect(next ?? home(signedIn), 303);
    } catch (error) {
      if (!(error instanceof AppError) || ![401, 429].includes(error.status)) throw error;
      const { retryAfterSeconds } = error.details;
      if (retryAfterSeconds !== undefined) {
        void reply.header('retry-after', String(retryAfterSeconds));
      }
      await show(reply, error.status, next, refusalOf(form, error.status));
    }
  }

  @ApiResponse({ status: 303, description: 'Signed out; redirects to the login form.' })
  @ApiOperation({ summary: 'Sign out' })
  @Post('logout')
  @Needs('none')
  async logout(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const token = request.cookies[sessionCookie];
    if (token !== undefined) await this.auth.endSession(token);
    await reply.clearCookie(sessionCookie, { path: '/' }).redirect('/admin/login', 303);
  }

  private check({ key, email = '', password = '' }: LoginForm, ip: string): Promise<SignedIn> {
    return key === undefined
      ? this.signIn.withPassword(email, password, ip)
      : this.signIn.withKey(key, ip);
  }
}

function refusalOf({ key, email }: LoginForm, status: number): Refusal {
  if (key !== undefined) {
    const text =
      status === 429 ? 'Too many wrong keys. Try again in a minute.' : 'This key is not valid.';
    return { of: 'key', text };
  }
  const text =
    status === 429
      ? 'Too many attempts. Try again in a minute.'
      : 'The address or the password is wrong, or not an admin’s.';
  return { of: 'password', text, ...(email !== undefined && { email }) };
}

function setCookie({ token, seconds }: Session, request: FastifyRequest, reply: FastifyReply) {
  void reply.setCookie(sessionCookie, token, {
    path: '/',
    httpOnly: true,
    sameSite: 'strict',
    secure: request.protocol === 'https',
    maxAge: seconds,
  });
}

function home({ role }: SignedIn): string {
  return role === 'admin' ? '/admin/queues' : '/api/docs';
}

async function show(
  reply: FastifyReply,
  status: number,
  next: string | undefined,
  refusal?: Refusal,
): Promise<void> {
  await reply
    .status(status)
    .header('content-security-policy', loginPolicy)
    .type('text/html; charset=utf-8')
    .send(loginPage(next, refusal));
}
