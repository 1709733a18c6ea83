import { Body, Controller, Get, Patch } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { Answers } from '../../infrastructure/http/answers.decorator.js';
import { CurrentUser, Needs } from '../auth/auth.decorators.js';
import type { RequestUser } from '../auth/request-user.js';
import {
  MailPreferences,
  mailPreferences,
  mailPreferencesChange,
  type MailPreferencesChange,
  type ShownMailPreferences,
} from './mail-preferences.js';

@ApiTags('accounts')
@Controller('api/v1/users/me/mail-preferences')
export class MailPreferencesController {
  constructor(private readonly preferences: MailPreferences) {}

  @ApiOperation({ summary: 'See which mails you get' })
  @Get()
  @Answers(200, mailPreferences)
  find(@CurrentUser() { id }: RequestUser): Promise<ShownMailPreferences> {
    return this.preferences.of(id);
  }

  @ApiOperation({
    summary: 'Choose which mails you get, and in which language',
    description: 'Mails about the account itself (links, a changed password) are always sent.',
  })
  @Patch()
  @Needs('account')
  @Answers(200, mailPreferences)
  change(
    @Body({ schema: mailPreferencesChange }) change: MailPreferencesChange,
    @CurrentUser() { id }: RequestUser,
  ): Promise<ShownMailPreferences> {
    return this.preferences.change(id, change);
  }
}
