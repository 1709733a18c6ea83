import { Module } from '@nestjs/common';
import { SecretModule } from '../../infrastructure/secret/secret.module.js';
import { TasksModule } from '../../tasks/tasks.module.js';
import { EmailLinks } from './email-links.js';
import { MailOutbox } from './mail-outbox.js';
import { UnsubscribeTokens } from './unsubscribe-tokens.js';

const services = [EmailLinks, MailOutbox, UnsubscribeTokens];

/** For features that have mails sent. */
@Module({ imports: [SecretModule, TasksModule], providers: services, exports: services })
export class MailOutboxModule {}
