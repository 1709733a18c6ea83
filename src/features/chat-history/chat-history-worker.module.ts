import { Module } from '@nestjs/common';
import { ChatHistoryProcessor } from './chat-history.processor.js';
import { ChatWriter } from './chat-writer.js';

@Module({ providers: [ChatHistoryProcessor, ChatWriter] })
export class ChatHistoryWorkerModule {}
