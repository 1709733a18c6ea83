import { Module } from '@nestjs/common';
import { QueueModule } from '../../infrastructure/queue/queue.module.js';
import { LimitsModule } from '../limits/limits.module.js';
import { WorkerControl } from './worker-control.js';
import { WorkerQuestions } from './worker-questions.js';
import { WorkersTable } from './workers-table.js';

const services = [WorkerControl, WorkerQuestions, WorkersTable];

/** Inspects workers and changes them, from any process. */
@Module({ imports: [QueueModule, LimitsModule], providers: services, exports: services })
export class ControlModule {}
