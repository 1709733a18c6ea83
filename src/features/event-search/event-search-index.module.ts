import { Module } from '@nestjs/common';
import { TasksModule } from '../../tasks/tasks.module.js';
import { EventDocuments } from './event-documents.js';
import { IndexingRequests } from './indexing-requests.js';

/** Makes events searchable. */
@Module({
  imports: [TasksModule],
  providers: [EventDocuments, IndexingRequests],
  exports: [EventDocuments, IndexingRequests],
})
export class EventSearchIndexModule {}
