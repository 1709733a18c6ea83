import { Module } from '@nestjs/common';
import { CanvasModule } from '../canvas/canvas.module.js';
import { EndingModule } from '../ending/ending.module.js';
import { EventsModule } from '../events/events.module.js';
import { HintsModule } from '../hints/hints.module.js';
import { LedgerModule } from '../ledger/ledger.module.js';
import { LimitsModule } from '../limits/limits.module.js';
import { ResultsModule } from '../results/results.module.js';
import { TaskClient } from './task-client.js';
import { TaskStore } from './task-store.js';

const services = [TaskClient, TaskStore];

/** Sends tasks. */
@Module({
  imports: [
    LedgerModule,
    HintsModule,
    EventsModule,
    LimitsModule,
    CanvasModule,
    EndingModule,
    ResultsModule,
  ],
  providers: services,
  exports: services,
})
export class SendingModule {}
