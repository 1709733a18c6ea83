import { Module } from '@nestjs/common';
import { QueueModule } from '../../infrastructure/queue/queue.module.js';
import { DefinitionsModule } from '../definitions/definitions.module.js';
import { EndingModule } from '../ending/ending.module.js';
import { EventsModule } from '../events/events.module.js';
import { HintsModule } from '../hints/hints.module.js';
import { LedgerModule } from '../ledger/ledger.module.js';
import { LimitsModule } from '../limits/limits.module.js';
import { PoolsModule } from '../pools/pools.module.js';
import { ProcessModule } from '../process/process.module.js';
import { ClaimsWithinLimits } from './claims-within-limits.js';
import { LeaseKeeper } from './lease-keeper.js';
import { LimitedClaims } from './limited-claims.js';
import { Orphans } from './orphans.js';
import { queueProcessors } from './queue-processors.js';
import { QueueWorkers } from './queue-workers.js';
import { Returns } from './returns.js';
import { RevocationListener } from './revocation-listener.js';
import { TaskGates } from './task-gates.js';
import { TaskRunner } from './task-runner.js';

const services = [
  TaskGates,
  ClaimsWithinLimits,
  LimitedClaims,
  LeaseKeeper,
  Returns,
  TaskRunner,
  Orphans,
  RevocationListener,
  QueueWorkers,
];

/** Takes hints from the queues and runs their tasks. Nothing runs before a worker starts. */
@Module({
  imports: [
    QueueModule,
    ProcessModule,
    DefinitionsModule,
    LedgerModule,
    HintsModule,
    EventsModule,
    LimitsModule,
    EndingModule,
    PoolsModule,
  ],
  providers: [...services, ...queueProcessors],
  exports: services,
})
export class WorkersModule {}
