import { Module } from '@nestjs/common';
import { TaskWorkersModule } from '../../tasks/tasks.module.js';
import { MetricsModule } from './metrics.module.js';
import { WorkerMetrics } from './worker-metrics.js';

@Module({ imports: [MetricsModule, TaskWorkersModule], providers: [WorkerMetrics] })
export class MetricsWorkerModule {}
