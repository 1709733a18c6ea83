import { Module } from '@nestjs/common';
import { EventDocuments } from './event-documents.js';

/** Makes events searchable. */
@Module({ providers: [EventDocuments], exports: [EventDocuments] })
export class EventSearchIndexModule {}
