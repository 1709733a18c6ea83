import { BullModule } from '@nestjs/bullmq';
import { Module } from '@nestjs/common';
import { QueueModule } from '../../infrastructure/queue/queue.module.js';
import { QUEUE_NAMES, hintQueueOptions } from '../definitions/queues.js';
import { Dispatcher } from './dispatcher.js';
import { Reconciler } from './reconciler.js';
import { TaskHints } from './task-hints.js';
import { Waiters } from './waiters.js';

const services = [TaskHints, Dispatcher, Reconciler, Waiters];

/** The three BullMQ queues, and what keeps them in step with the ledger. */
@Module({
  imports: [
    QueueModule,
    BullModule.registerQueue(...QUEUE_NAMES.map((name) => ({ name, ...hintQueueOptions }))),
  ],
  providers: services,
  exports: services,
})
export class HintsModule {}
