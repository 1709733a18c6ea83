import { Body, Controller, Delete, Get, HttpCode, Param, Post, Req } from '@nestjs/common';
import { ApiNoContentResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { Answers } from '../../infrastructure/http/answers.decorator.js';
import { IdPipe } from '../../infrastructure/http/validation.js';
import { AdminOnly, CurrentUser, Needs, Public } from '../auth/auth.decorators.js';
import type { RequestUser } from '../auth/request-user.js';
import { shownUser, type ShownUser } from '../users/users.dto.js';
import {
  changePasswordRequest,
  deletedAnswer,
  deleteMeRequest,
  forgotRequest,
  messageAnswer,
  registerAnswer,
  registerRequest,
  resetRequest,
  verifyAnswer,
  verifyRequest,
  type ChangePasswordRequest,
  type DeletedAnswer,
  type DeleteMeRequest,
  type ForgotRequest,
  type MessageAnswer,
  type RegisterAnswer,
  type RegisterRequest,
  type ResetRequest,
  type VerifyAnswer,
  type VerifyRequest,
} from './accounts.dto.js';
import { AccountsService } from './accounts.service.js';

@ApiTags('accounts')
@Controller('api/v1/users')
export class AccountsController {
  constructor(private readonly accounts: AccountsService) {}

  @ApiOperation({
    summary: 'Register with an e-mail address',
    description:
      'Sends a mail with a link; the user exists when it is opened. The answer is the same for an address that is registered already.',
  })
  @Post('register')
  @HttpCode(202)
  @Public()
  @Answers(202, registerAnswer)
  register(
    @Body({ schema: registerRequest }) request: RegisterRequest,
    @Req() { ip, headers }: FastifyRequest,
  ): Promise<RegisterAnswer> {
    return this.accounts.register(request, headers['accept-language'], ip);
  }

  @ApiOperation({ summary: 'Confirm an address, with the link of the mail' })
  @Post('verify')
  @Public()
  @Answers(201, verifyAnswer, 'The user exists and can log in.')
  verify(@Body({ schema: verifyRequest }) { token }: VerifyRequest): Promise<VerifyAnswer> {
    return this.accounts.verify(token);
  }

  @ApiOperation({
    summary: 'Ask for a new password',
    description: 'The answer is the same for an address that nobody has registered.',
  })
  @Post('password/forgot')
  @HttpCode(202)
  @Public()
  @Answers(202, messageAnswer)
  forgot(
    @Body({ schema: forgotRequest }) { email }: ForgotRequest,
    @Req() { ip }: FastifyRequest,
  ): Promise<MessageAnswer> {
    return this.accounts.forgot(email, ip);
  }

  @ApiOperation({
    summary: 'Choose a new password, with the link of the mail',
    description: 'Ends all logins and browser sessions. API keys stay.',
  })
  @Post('password/reset')
  @HttpCode(204)
  @Public()
  @ApiNoContentResponse({ description: 'It is changed.' })
  async reset(@Body({ schema: resetRequest }) request: ResetRequest): Promise<void> {
    await this.accounts.reset(request);
  }

  @ApiOperation({ summary: 'Get your own user' })
  @Get('me')
  @Answers(200, shownUser)
  me(@CurrentUser() user: RequestUser): Promise<ShownUser> {
    return this.accounts.me(user);
  }

  @ApiOperation({
    summary: 'Change your password',
    description: 'Ends all logins and browser sessions, this one too. API keys stay.',
  })
  @Post('me/password')
  @HttpCode(204)
  @Needs('account')
  @ApiNoContentResponse({ description: 'It is changed.' })
  async changePassword(
    @Body({ schema: changePasswordRequest }) request: ChangePasswordRequest,
    @CurrentUser() user: RequestUser,
  ): Promise<void> {
    await this.accounts.changePassword(user, request);
  }

  @ApiOperation({
    summary: 'Delete your account, with its tasks and pictures',
    description: 'It cannot be undone. Nobody can sign in any more; a task deletes the rest.',
  })
  @Delete('me')
  @HttpCode(202)
  @Needs('account')
  @Answers(202, deletedAnswer)
  deleteMe(
    @Body({ schema: deleteMeRequest }) request: DeleteMeRequest,
    @CurrentUser() user: RequestUser,
  ): Promise<DeletedAnswer> {
    return this.accounts.deleteMe(user, request);
  }

  @ApiOperation({ summary: 'For admins: delete a user, with tasks and pictures' })
  @Delete(':user_id')
  @HttpCode(202)
  @AdminOnly()
  @Answers(202, deletedAnswer)
  deleteUser(
    @Param('user_id', new IdPipe('user')) id: string,
    @CurrentUser() admin: RequestUser,
  ): Promise<DeletedAnswer> {
    return this.accounts.deleteUser(admin, id);
  }
}
