import { Module } from '@nestjs/common';
import { ChatReader } from './chat-reader.js';

/** For what reads conversations. */
@Module({ providers: [ChatReader], exports: [ChatReader] })
export class ChatReaderModule {}
