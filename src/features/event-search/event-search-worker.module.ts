import { Module } from '@nestjs/common';
import { DocumentsToIndex } from './documents-to-index.js';
import { ElasticsearchModule } from './elasticsearch.module.js';
import { EventIndexer } from './event-indexer.js';
import { EventSearchIndexModule } from './event-search-index.module.js';
import { EventSearchProcessor } from './event-search.processor.js';

/** Brings Elasticsearch up to date with the events. */
@Module({
  imports: [EventSearchIndexModule, ElasticsearchModule],
  providers: [EventSearchProcessor, EventIndexer, DocumentsToIndex],
})
export class EventSearchWorkerModule {}
