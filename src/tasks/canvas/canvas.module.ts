import { Module } from '@nestjs/common';
import { EventsModule } from '../events/events.module.js';
import { HintsModule } from '../hints/hints.module.js';
import { LedgerModule } from '../ledger/ledger.module.js';
import { LimitsModule } from '../limits/limits.module.js';
import { CanvasProgress } from './canvas-progress.js';
import { OnceNodes } from './once-nodes.js';

const services = [CanvasProgress, OnceNodes];

/** Stores chains, groups and chords and moves them forward. */
@Module({
  imports: [LedgerModule, HintsModule, EventsModule, LimitsModule],
  providers: services,
  exports: services,
})
export class CanvasModule {}
