import { Module } from '@nestjs/common';
import { AuditModule } from '../audit/audit.module.js';
import { ImageStoreModule } from '../images/image-store.module.js';
import { ChatHistoryController } from './chat-history.controller.js';
import { ChatHistoryService } from './chat-history.service.js';
import { ChatReaderModule } from './chat-reader.module.js';
import { ChatWriter } from './chat-writer.js';

@Module({
  imports: [AuditModule, ChatReaderModule, ImageStoreModule],
  controllers: [ChatHistoryController],
  providers: [ChatHistoryService, ChatWriter],
})
export class ChatHistoryModule {}
