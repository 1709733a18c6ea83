import { Module } from '@nestjs/common';
import { MailOutboxModule } from './mail-outbox.module.js';
import { MailPreferencesController } from './mail-preferences.controller.js';
import { MailPreferences } from './mail-preferences.js';
import { UnsubscribeController } from './unsubscribe.controller.js';

/** What users decide about their mails. */
@Module({
  imports: [MailOutboxModule],
  controllers: [MailPreferencesController, UnsubscribeController],
  providers: [MailPreferences],
})
export class EmailModule {}
