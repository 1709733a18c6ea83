import {
  Inject,
  Module,
  type DynamicModule,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { ConfigModule, SETTINGS, type Settings } from '../config/config.module.js';
import { DatabaseModule } from '../infrastructure/database/database.module.js';
import { QueueModule } from '../infrastructure/queue/queue.module.js';
import { CanvasProgress } from './canvas/canvas-progress.js';
import { CommandListener } from './control/command-listener.js';
import { ControlCommands } from './control/control-commands.js';
import { InspectCommands } from './control/inspect-commands.js';
import { QueueOverviews } from './control/queue-overview.js';
import { QueuePurge } from './control/queue-purge.js';
import { RegisteredTasks } from './control/registered-tasks.js';
import { RemoteControl } from './control/remote-control.js';
import { TaskLimits } from './control/task-limits.js';
import { WorkerControl } from './control/worker-control.js';
import { WorkerFacts } from './control/worker-facts.js';
import { WorkerPresence } from './control/worker-presence.js';
import { WorkerQuestions } from './control/worker-questions.js';
import { WorkerStats } from './control/worker-stats.js';
import { WorkerTasks } from './control/worker-tasks.js';
import { WorkersTable } from './control/workers-table.js';
import { Dispatcher } from './dispatcher.js';
import { LiveEvents } from './events/live-events.js';
import { ConcurrencyLimits } from './limits/concurrency-limits.js';
import { LimitedClaims } from './limits/limited-claims.js';
import { OnceKeys } from './limits/once-keys.js';
import { RateLimits } from './limits/rate-limits.js';
import { producerSettings, type ProducerOptions } from './producer-settings.js';
import { Reconciler } from './reconciler.js';
import { DeclaredSchedules } from './schedules/declared-schedules.js';
import { ScheduleNews } from './schedules/schedule-news.js';
import { ScheduleRuns } from './schedules/schedule-runs.js';
import { ScheduleTicker } from './schedules/schedule-ticker.js';
import { Schedules } from './schedules/schedules.js';
import { TaskAttempts } from './task-attempts.js';
import { TaskClient } from './task-client.js';
import { TaskEndings } from './task-endings.js';
import { TaskEvents } from './task-events.js';
import { TaskGates } from './task-gates.js';
import { TaskHints } from './task-hints.js';
import { TaskInserts } from './task-inserts.js';
import { TaskLedger } from './task-ledger.js';
import { TaskRegistry } from './task-registry.js';
import { TaskResults } from './task-results.js';
import { TaskRevocations } from './task-revocations.js';
import { TaskStore } from './task-store.js';
import { TaskRunner } from './task-runner.js';
import { TaskEntity } from './task.entity.js';
import { LeaseKeeper } from './workers/lease-keeper.js';
import { Orphans } from './workers/orphans.js';
import { Returns } from './workers/returns.js';
import { RevocationListener } from './workers/revocation-listener.js';
import { QueueWorkers } from './workers/queue-workers.js';
import { taskPool } from './workers/task-pool.provider.js';
import { TaskPool } from './workers/task-pool.js';
import { TaskWorkers } from './workers/task-workers.js';
import { WorkerProcess } from './workers/worker-process.js';

/** Sending, following and stopping tasks. */
const sending = [
  TaskClient,
  TaskStore,
  TaskInserts,
  TaskLedger,
  TaskEndings,
  CanvasProgress,
  OnceKeys,
  TaskResults,
  TaskRevocations,
  TaskEvents,
  TaskHints,
  Dispatcher,
  Reconciler,
];

/** Schedules, from any process. */
const scheduling = [Schedules, ScheduleRuns, ScheduleNews];

/** Looking after the queues, from any process. */
const upkeep = [QueuePurge, QueueOverviews];

/** Asking workers and watching them, from any process. */
const remote = [WorkerControl, LiveEvents, TaskLimits, WorkersTable, WorkerProcess];

/** What a worker answers with. */
const answering = [
  RemoteControl,
  CommandListener,
  WorkerPresence,
  InspectCommands,
  ControlCommands,
  RegisteredTasks,
  WorkerTasks,
  WorkerStats,
  WorkerFacts,
];

/** Sending tasks and reading their state: all that an API process or another service needs. */
@Module({
  imports: [QueueModule, TypeOrmModule.forFeature([TaskEntity])],
  providers: [...sending, ...scheduling, ...remote, ...upkeep, WorkerQuestions],
  exports: [...sending, ...scheduling, ...remote, ...upkeep, TypeOrmModule, QueueModule],
})
export class TasksModule implements OnApplicationBootstrap, OnApplicationShutdown {
  constructor(
    private readonly reconciler: Reconciler,
    private readonly dispatcher: Dispatcher,
    private readonly hints: TaskHints,
    private readonly live: LiveEvents,
    @Inject(SETTINGS) private readonly settings: Settings,
  ) {}

  /**
   * For a service that only sends and follows tasks, without the rest of Darkroom: import it once, in the
   * root module; `TaskClient` and the `DataSource` can then be injected anywhere.
   *
   * @throws EnvironmentError when a URL is wrong
   */
  static forProducer(options: ProducerOptions): DynamicModule {
    return {
      module: TasksModule,
      global: true,
      imports: [
        ConfigModule.with(producerSettings(options)),
        DatabaseModule.with([TaskEntity, ...(options.entities ?? [])]),
      ],
    };
  }

  onApplicationBootstrap(): void {
    void this.live.start();
    if (!this.settings.isChild) this.reconciler.start();
  }

  /** After the last request, and before the database closes. */
  async onApplicationShutdown(): Promise<void> {
    this.live.close();
    await this.reconciler.stop();
    await this.dispatcher.idle();
    await this.hints.close();
  }
}

/** Running tasks, beside {@link TasksModule}. Nothing runs before `TaskWorkers.start`. */
@Module({
  imports: [DiscoveryModule, TasksModule],
  providers: [
    TaskRegistry,
    TaskAttempts,
    TaskGates,
    TaskRunner,
    LeaseKeeper,
    Orphans,
    Returns,
    LimitedClaims,
    RateLimits,
    ConcurrencyLimits,
    taskPool,
    RevocationListener,
    QueueWorkers,
    TaskWorkers,
    DeclaredSchedules,
    ScheduleTicker,
    ...answering,
  ],
  exports: [TaskRegistry, TaskGates, TaskRunner, TaskPool, TaskWorkers],
})
export class TaskWorkersModule {}
