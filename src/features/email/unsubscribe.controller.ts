import { Controller, Get, Headers, HttpCode, Inject, Post, Query, Res } from '@nestjs/common';
import { ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { SETTINGS, type Settings } from '../../config/config.module.js';
import { IgnoresForm } from '../../infrastructure/http/accepts-form.decorator.js';
import { Public } from '../auth/auth.decorators.js';
import { acceptedLanguage, type Language } from './languages.js';
import { MailPreferences } from './mail-preferences.js';
import { donePage, questionPage, unsubscribePagePolicy, wrongPage } from './unsubscribe-page.js';
import { UnsubscribeTokens } from './unsubscribe-tokens.js';

const unsubscribeQuery = z.object({
  token: z.string().max(200).default('').describe('What the link in the mail has.'),
});
type UnsubscribeQuery = z.output<typeof unsubscribeQuery>;

const aPage = { content: { 'text/html': { schema: { type: 'string' as const } } } };

/** Where the header `List-Unsubscribe` of mails leads (RFC 8058). */
@ApiTags('accounts')
@Controller('api/v1/mail/unsubscribe')
export class UnsubscribeController {
  constructor(
    private readonly tokens: UnsubscribeTokens,
    private readonly preferences: MailPreferences,
    @Inject(SETTINGS) private readonly settings: Pick<Settings, 'mailLanguage'>,
  ) {}

  @ApiOperation({ summary: 'The page that the link in mails opens: it asks, and changes nothing' })
  @ApiResponse({ status: 200, description: 'The page.', ...aPage })
  @Public()
  @Get()
  async ask(
    @Query({ schema: unsubscribeQuery }) _query: UnsubscribeQuery,
    @Headers('Accept-Language') accepted: string | undefined,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    await show(reply, questionPage(this.languageOf(accepted)));
  }

  @ApiOperation({
    summary: 'Get no more mails of one kind, with one click',
    description:
      'Mail programs send the form `List-Unsubscribe=One-Click` here, without a credential (RFC 8058). The token switches off these mails, and does nothing else.',
  })
  @ApiResponse({ status: 200, description: 'It is switched off.', ...aPage })
  @ApiResponse({ status: 400, description: 'The token is wrong.', ...aPage })
  @Public()
  @IgnoresForm()
  @Post()
  @HttpCode(200)
  async switchOff(
    @Query({ schema: unsubscribeQuery }) { token }: UnsubscribeQuery,
    @Headers('Accept-Language') accepted: string | undefined,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const subscription = await this.tokens.read(token);
    if (subscription === undefined) {
      await show(reply.status(400), wrongPage(this.languageOf(accepted)));
      return;
    }
    await this.preferences.switchOff(subscription);
    const language = await this.preferences.languageOf(subscription.userId);
    await show(reply, donePage(language, subscription.category));
  }

  private languageOf(accepted: string | undefined): Language {
    return acceptedLanguage(accepted) ?? this.settings.mailLanguage;
  }
}

async function show(reply: FastifyReply, page: string): Promise<void> {
  await reply
    .header('content-security-policy', unsubscribePagePolicy)
    .type('text/html; charset=utf-8')
    .send(page);
}
