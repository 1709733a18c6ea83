import { Module } from '@nestjs/common';
import { TasksModule } from '../../tasks/tasks.module.js';
import { CreditLedgerModule } from '../credits/credit-ledger.module.js';
import { EnginesModule } from './engines.module.js';
import { GenerationStore } from './generation-store.js';

/** For what asks for generations. */
@Module({
  imports: [CreditLedgerModule, EnginesModule, TasksModule],
  providers: [GenerationStore],
  exports: [GenerationStore],
})
export class GenerationStoreModule {}
