import { Module } from '@nestjs/common';
import { TracingModule } from '../../infrastructure/tracing/tracing.module.js';
import { TasksModule } from '../../tasks/tasks.module.js';
import { TaskSpans } from './task-spans.js';

@Module({ imports: [TracingModule, TasksModule], providers: [TaskSpans] })
export class TracingWorkerModule {}
