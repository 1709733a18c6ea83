import { Module } from '@nestjs/common';
import { EmailProcessor } from './email.processor.js';
import { KeptMails } from './kept-mails.js';
import { MailOutboxModule } from './mail-outbox.module.js';
import { MailWriter } from './mail-writer.js';
import { Mailer } from './mailer.js';

@Module({
  imports: [MailOutboxModule],
  providers: [EmailProcessor, KeptMails, MailWriter, Mailer],
})
export class EmailWorkerModule {}
