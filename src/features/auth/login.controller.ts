import { Body, Controller, Get, Post, Query, Req, Res } from '@nestjs/common';
import { ApiConsumes, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { AcceptsForm } from '../../infrastructure/http/accepts-form.decorator.js';
import { AuthGate } from './auth-gate.js';
import { CrossSiteError, TooManyFailuresError } from './auth-errors.js';
import { Needs, Public } from './auth.decorators.js';
import { AuthService } from './auth.service.js';
import { sessionCookie } from './credential.js';
import { localPath } from './local-path.js';
import { loginPage, loginPolicy } from './login-page.js';
import type { RequestUser } from './request-user.js';

const loginQuery = z.object({ next: z.string().max(2000).optional() });
const loginForm = z.strictObject({
  key: z.string().max(200),
  next: z.string().max(2000).optional(),
});

/** Browser sessions for Bull Board and the docs. */
@ApiTags('sign-in')
@Controller('admin')
export class LoginController {
  constructor(
    private readonly gate: AuthGate,
    private readonly auth: AuthService,
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
    @Query({ schema: loginQuery }) { next }: z.infer<typeof loginQuery>,
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
  @ApiOperation({ summary: 'Sign in with an API key' })
  @Post('login')
  async login(
    @Body({ schema: loginForm }) { key, next }: z.infer<typeof loginForm>,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    // Otherwise another site could sign a visitor in as another user.
    if (this.gate.siteOf(request) === 'other') throw new CrossSiteError();
    try {
      const user = await this.gate.userOfKey(key.trim(), request.ip);
      if (user === undefined)
        return await show(reply, 401, localPath(next), 'This key is not valid.');
      await this.startSession(user, request, reply);
      await reply.redirect(localPath(next) ?? home(user), 303);
    } catch (error) {
      if (!(error instanceof TooManyFailuresError)) throw error;
      void reply.header('retry-after', String(error.details.retryAfterSeconds));
      await show(reply, 429, localPath(next), 'Too many wrong keys. Try again in a minute.');
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

  private async startSession(
    user: RequestUser,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<void> {
    const { token, seconds } = await this.auth.createSession(user);
    void reply.setCookie(sessionCookie, token, {
      path: '/',
      httpOnly: true,
      sameSite: 'strict',
      secure: request.protocol === 'https',
      maxAge: seconds,
    });
  }
}

function home(user: RequestUser): string {
  return user.role === 'admin' ? '/admin/queues' : '/api/docs';
}

async function show(
  reply: FastifyReply,
  status: number,
  next: string | undefined,
  error?: string,
): Promise<void> {
  await reply
    .status(status)
    .header('content-security-policy', loginPolicy)
    .type('text/html; charset=utf-8')
    .send(loginPage(next, error));
}
