import { Module } from '@nestjs/common';
import { DefinitionsModule } from '../definitions/definitions.module.js';
import { EndingModule } from '../ending/ending.module.js';
import { EventsModule } from '../events/events.module.js';
import { LedgerModule } from '../ledger/ledger.module.js';
import { LimitsModule } from '../limits/limits.module.js';
import { TaskAttempts } from './task-attempts.js';

/** Runs one attempt of a task in this process. */
@Module({
  imports: [DefinitionsModule, LedgerModule, EventsModule, LimitsModule, EndingModule],
  providers: [TaskAttempts],
  exports: [TaskAttempts],
})
export class RunningModule {}
