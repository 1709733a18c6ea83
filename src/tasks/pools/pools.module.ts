import { Module } from '@nestjs/common';
import { DefinitionsModule } from '../definitions/definitions.module.js';
import { LedgerModule } from '../ledger/ledger.module.js';
import { LimitsModule } from '../limits/limits.module.js';
import { ProcessModule } from '../process/process.module.js';
import { ProcessNews } from '../process/process-news.js';
import { RunningModule } from '../running/running.module.js';
import { TaskPool } from './task-pool.js';
import { taskPool } from './task-pool.provider.js';

/** The pool in which attempts run: this process, or child processes. */
@Module({
  imports: [ProcessModule, DefinitionsModule, LedgerModule, LimitsModule, RunningModule],
  providers: [taskPool],
  exports: [TaskPool],
})
export class PoolsModule {
  constructor(pool: TaskPool, news: ProcessNews) {
    pool.onNews((topic, value) => news.tell(topic, value));
  }
}
