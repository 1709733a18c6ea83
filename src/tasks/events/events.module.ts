import { Module } from '@nestjs/common';
import { QueueModule } from '../../infrastructure/queue/queue.module.js';
import { HintsModule } from '../hints/hints.module.js';
import { ProcessModule } from '../process/process.module.js';
import { LiveEvents } from './live-events.js';
import { TaskEvents } from './task-events.js';

const services = [LiveEvents, TaskEvents];

/** Tells other processes what happens to tasks. */
@Module({
  imports: [QueueModule, ProcessModule, HintsModule],
  providers: services,
  exports: services,
})
export class EventsModule {}
