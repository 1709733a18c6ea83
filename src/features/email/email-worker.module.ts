import { Module } from '@nestjs/common';
import { EmailLinksModule } from './email-links.module.js';
import { EmailProcessor } from './email.processor.js';
import { Mailer } from './mailer.js';

@Module({ imports: [EmailLinksModule], providers: [EmailProcessor, Mailer] })
export class EmailWorkerModule {}
