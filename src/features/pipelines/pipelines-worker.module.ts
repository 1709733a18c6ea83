import { Module } from '@nestjs/common';
import { EventSearchIndexModule } from '../event-search/event-search-index.module.js';
import { ElasticsearchIndexNode } from './elasticsearch-index.node.js';
import { IncomingEvents } from './incoming-events.js';
import { NodeRows } from './node-rows.js';
import { NodeRunner } from './node-runner.js';
import { PipelineNodes } from './pipeline-nodes.js';
import { PipelinesProcessor } from './pipelines.processor.js';

/** Runs pipelines. Their nodes are providers of the modules that declare them. */
@Module({
  imports: [EventSearchIndexModule],
  providers: [
    PipelinesProcessor,
    PipelineNodes,
    NodeRunner,
    NodeRows,
    IncomingEvents,
    ElasticsearchIndexNode,
  ],
})
export class PipelinesWorkerModule {}
