import { Body, Controller, HttpCode, Post, Req } from '@nestjs/common';
import { ApiNoContentResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { Answers } from '../../infrastructure/http/answers.decorator.js';
import { Public } from '../auth/auth.decorators.js';
import {
  loginRequest,
  refreshRequest,
  tokens,
  type LoginRequest,
  type RefreshRequest,
  type TokensAnswer,
} from './accounts.dto.js';
import { PasswordLoginService } from './password-login.service.js';

@ApiTags('accounts')
@Controller('api/v1/auth')
export class PasswordLoginController {
  constructor(private readonly logins: PasswordLoginService) {}

  @ApiOperation({ summary: 'Log in with a password' })
  @Post('login')
  @HttpCode(200)
  @Public()
  @Answers(200, tokens)
  login(
    @Body({ schema: loginRequest }) request: LoginRequest,
    @Req() { ip }: FastifyRequest,
  ): Promise<TokensAnswer> {
    return this.logins.login(request, ip);
  }

  @ApiOperation({
    summary: 'Get the next access token',
    description: 'A refresh token that comes a second time ends the login: it was stolen.',
  })
  @Post('refresh')
  @HttpCode(200)
  @Public()
  @Answers(200, tokens)
  refresh(
    @Body({ schema: refreshRequest }) request: RefreshRequest,
    @Req() { ip }: FastifyRequest,
  ): Promise<TokensAnswer> {
    return this.logins.refresh(request, ip);
  }

  @ApiOperation({ summary: 'Log out: the login ends, with its access tokens' })
  @Post('logout')
  @HttpCode(204)
  @Public()
  @ApiNoContentResponse({ description: 'It has ended.' })
  async logout(@Body({ schema: refreshRequest }) request: RefreshRequest): Promise<void> {
    await this.logins.logout(request);
  }
}
