import { Module } from '@nestjs/common';
import { TasksModule } from '../../tasks/tasks.module.js';
import { EmailLinksModule } from '../email/email-links.module.js';
import { ImageStoreModule } from '../images/image-store.module.js';
import { AccountsProcessor } from './accounts.processor.js';

@Module({
  imports: [EmailLinksModule, ImageStoreModule, TasksModule],
  providers: [AccountsProcessor],
})
export class AccountsWorkerModule {}
