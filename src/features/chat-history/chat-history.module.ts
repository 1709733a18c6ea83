import { Module } from '@nestjs/common';
import { AuditModule } from '../audit/audit.module.js';
import { ImageStoreModule } from '../images/image-store.module.js';
import { ChatHistoryController } from './chat-history.controller.js';
import { ChatHistoryService } from './chat-history.service.js';
import { ChatReader } from './chat-reader.js';
import { ChatWriter } from './chat-writer.js';

@Module({
  imports: [AuditModule, ImageStoreModule],
  controllers: [ChatHistoryController],
  providers: [ChatHistoryService, ChatReader, ChatWriter],
})
export class ChatHistoryModule {}
