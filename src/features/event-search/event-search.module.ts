import { Module } from '@nestjs/common';
import { ElasticsearchSearch } from './elasticsearch-search.js';
import { ElasticsearchModule } from './elasticsearch.module.js';
import { EventSearchController } from './event-search.controller.js';
import { EventSearch } from './event-search.service.js';
import { PostgresSearch } from './postgres-search.js';

/** Finds events. */
@Module({
  imports: [ElasticsearchModule],
  controllers: [EventSearchController],
  providers: [EventSearch, ElasticsearchSearch, PostgresSearch],
})
export class EventSearchModule {}
