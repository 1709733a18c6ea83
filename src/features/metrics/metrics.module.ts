import { Module } from '@nestjs/common';
import { TasksModule } from '../../tasks/tasks.module.js';
import { EnginesModule } from '../image-generation/engines.module.js';
import { DatabaseMetrics } from './database-metrics.js';
import { EngineMetrics } from './engine-metrics.js';
import { Metrics } from './metrics.js';
import { MetricsServer } from './metrics-server.js';
import { TaskMetrics } from './task-metrics.js';

/** The numbers that every process has, and the port where they are read. */
@Module({
  imports: [TasksModule, EnginesModule],
  providers: [Metrics, MetricsServer, TaskMetrics, EngineMetrics, DatabaseMetrics],
  exports: [Metrics, MetricsServer],
})
export class MetricsModule {}
