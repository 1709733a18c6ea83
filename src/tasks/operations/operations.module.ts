import { Module } from '@nestjs/common';
import { CanvasModule } from '../canvas/canvas.module.js';
import { EventsModule } from '../events/events.module.js';
import { HintsModule } from '../hints/hints.module.js';
import { PutOffTasks } from './put-off-tasks.js';
import { QueueLengths } from './queue-lengths.js';
import { QueueOverviews } from './queue-overview.js';
import { QueuePurge } from './queue-purge.js';

const services = [QueuePurge, QueueOverviews, QueueLengths, PutOffTasks];

/** Operations on whole queues, from any process. */
@Module({
  imports: [HintsModule, EventsModule, CanvasModule],
  providers: services,
  exports: services,
})
export class OperationsModule {}
