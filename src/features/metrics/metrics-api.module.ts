import { Module, type NestModule } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';
import { TasksModule } from '../../tasks/tasks.module.js';
import { StoredFilesModule } from '../stored-files/stored-files.module.js';
import { HttpMetrics } from './http-metrics.js';
import { LedgerMetrics } from './ledger-metrics.js';
import { MetricsModule } from './metrics.module.js';

@Module({
  imports: [MetricsModule, TasksModule, StoredFilesModule],
  providers: [HttpMetrics, LedgerMetrics],
})
export class MetricsApiModule implements NestModule {
  constructor(
    private readonly http: HttpAdapterHost,
    private readonly metrics: HttpMetrics,
  ) {}

  /** Nest calls this before it registers its routes, and a hook applies to routes registered after it. */
  configure(): void {
    this.metrics.watch(this.http.httpAdapter.getInstance<FastifyInstance>());
  }
}
