import { Module } from '@nestjs/common';
import { TasksModule } from '../../tasks/tasks.module.js';
import { MailOutboxModule } from '../email/mail-outbox.module.js';
import { ImageStoreModule } from '../images/image-store.module.js';
import { AccountsProcessor } from './accounts.processor.js';

@Module({
  imports: [MailOutboxModule, ImageStoreModule, TasksModule],
  providers: [AccountsProcessor],
})
export class AccountsWorkerModule {}
