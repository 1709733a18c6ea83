import { Module } from '@nestjs/common';
import { QueueModule } from '../../infrastructure/queue/queue.module.js';
import { CanvasModule } from '../canvas/canvas.module.js';
import { EventsModule } from '../events/events.module.js';
import { LedgerModule } from '../ledger/ledger.module.js';
import { TaskEndings } from './task-endings.js';
import { TaskRevocations } from './task-revocations.js';

const services = [TaskEndings, TaskRevocations];

/** Ends tasks and revokes them. */
@Module({
  imports: [QueueModule, LedgerModule, EventsModule, CanvasModule],
  providers: services,
  exports: services,
})
export class EndingModule {}
