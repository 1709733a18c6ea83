import { Injectable } from '@nestjs/common';
import { QueueWorkers } from '../workers/queue-workers.js';
import type { CommandHandlers } from './commands.js';
import { RegisteredTasks } from './registered-tasks.js';
import { WorkerFacts } from './worker-facts.js';
import { WorkerStats } from './worker-stats.js';
import { WorkerTasks } from './worker-tasks.js';

type InspectCommand =
  | 'ping'
  | 'active'
  | 'reserved'
  | 'scheduled'
  | 'registered'
  | 'stats'
  | 'revoked'
  | 'active_queues'
  | 'conf'
  | 'report';

/** Commands that ask a worker about itself. None of them changes anything. */
@Injectable()
export class InspectCommands {
  readonly handlers: CommandHandlers<InspectCommand>;

  constructor(
    tasks: WorkerTasks,
    registered: RegisteredTasks,
    stats: WorkerStats,
    facts: WorkerFacts,
    queues: QueueWorkers,
  ) {
    this.handlers = {
      ping: () => ({ pong: true }),
      active: () => tasks.active(),
      reserved: () => tasks.reserved(),
      scheduled: () => tasks.scheduled(),
      registered: () => registered.all(),
      stats: () => stats.now(),
      revoked: () => tasks.revoked(),
      active_queues: () => queues.state(),
      conf: () => facts.conf(),
      report: () => facts.report(),
    };
  }
}
