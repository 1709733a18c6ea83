import { Module } from '@nestjs/common';
import { QueueModule } from '../../infrastructure/queue/queue.module.js';
import { DefinitionsModule } from '../definitions/definitions.module.js';
import { EventsModule } from '../events/events.module.js';
import { LimitsModule } from '../limits/limits.module.js';
import { PoolsModule } from '../pools/pools.module.js';
import { ProcessModule } from '../process/process.module.js';
import { WorkersModule } from '../workers/workers.module.js';
import { CommandListener } from './command-listener.js';
import { ControlCommands } from './control-commands.js';
import { ControlModule } from './control.module.js';
import { InspectCommands } from './inspect-commands.js';
import { RegisteredTasks } from './registered-tasks.js';
import { RemoteControl } from './remote-control.js';
import { WorkerFacts } from './worker-facts.js';
import { WorkerPresence } from './worker-presence.js';
import { WorkerStats } from './worker-stats.js';
import { WorkerTasks } from './worker-tasks.js';

/** Makes a worker visible, answers the commands it receives and carries them out. */
@Module({
  imports: [
    QueueModule,
    ProcessModule,
    DefinitionsModule,
    EventsModule,
    LimitsModule,
    PoolsModule,
    WorkersModule,
    ControlModule,
  ],
  providers: [
    RemoteControl,
    CommandListener,
    WorkerPresence,
    InspectCommands,
    ControlCommands,
    RegisteredTasks,
    WorkerTasks,
    WorkerStats,
    WorkerFacts,
  ],
  exports: [RemoteControl],
})
export class AnswersModule {}
