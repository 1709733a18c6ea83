import { Module } from '@nestjs/common';
import { TasksModule } from '../../tasks/tasks.module.js';
import { EmailLinksModule } from '../email/email-links.module.js';
import { StorageModule } from '../storage/storage.module.js';
import { AccountsProcessor } from './accounts.processor.js';

@Module({ imports: [EmailLinksModule, StorageModule, TasksModule], providers: [AccountsProcessor] })
export class AccountsWorkerModule {}
