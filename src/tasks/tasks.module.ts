import {
  Inject,
  Module,
  type DynamicModule,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { ConfigModule, SETTINGS, type Settings } from '../config/config.module.js';
import { DatabaseModule } from '../infrastructure/database/database.module.js';
import { QueueModule } from '../infrastructure/queue/queue.module.js';
import { CanvasModule } from './canvas/canvas.module.js';
import { AnswersModule } from './control/answers.module.js';
import { ControlModule } from './control/control.module.js';
import { DefinitionsModule } from './definitions/definitions.module.js';
import { EndingModule } from './ending/ending.module.js';
import { EventsModule } from './events/events.module.js';
import { LiveEvents } from './events/live-events.js';
import { Dispatcher } from './hints/dispatcher.js';
import { HintsModule } from './hints/hints.module.js';
import { Reconciler } from './hints/reconciler.js';
import { TaskHints } from './hints/task-hints.js';
import { HistoryModule } from './history/history.module.js';
import { LedgerModule } from './ledger/ledger.module.js';
import { TaskEntity } from './ledger/task.entity.js';
import { LimitsModule } from './limits/limits.module.js';
import { OperationsModule } from './operations/operations.module.js';
import { PoolsModule } from './pools/pools.module.js';
import { ProcessModule } from './process/process.module.js';
import { ResultsModule } from './results/results.module.js';
import { RunningModule } from './running/running.module.js';
import { SchedulesModule } from './schedules/schedules.module.js';
import { producerSettings, type ProducerOptions } from './sending/producer-settings.js';
import { SendingModule } from './sending/sending.module.js';
import { TaskWorkers } from './task-workers.js';
import { WorkersModule } from './workers/workers.module.js';

/** The parts that every process has, from the bottom up. */
const parts = [
  QueueModule,
  ProcessModule,
  LedgerModule,
  HistoryModule,
  HintsModule,
  EventsModule,
  LimitsModule,
  CanvasModule,
  EndingModule,
  ResultsModule,
  SendingModule,
  OperationsModule,
  SchedulesModule,
  ControlModule,
];

/** Sends tasks and reads their state: all that an API process or another service needs. */
@Module({ imports: parts, exports: parts })
export class TasksModule implements OnApplicationBootstrap, OnApplicationShutdown {
  constructor(
    private readonly reconciler: Reconciler,
    private readonly dispatcher: Dispatcher,
    private readonly hints: TaskHints,
    private readonly live: LiveEvents,
    @Inject(SETTINGS) private readonly settings: Settings,
  ) {}

  /**
   * For a service that only sends and follows tasks, without the rest of Darkroom. Import it once, in the root
   * module. `TaskClient` and the `DataSource` can then be injected anywhere.
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

  /** Runs after the last request and before the database closes. */
  async onApplicationShutdown(): Promise<void> {
    await this.reconciler.stop();
    await this.dispatcher.idle();
    await this.live.close();
    await this.hints.close();
  }
}

/** Runs tasks, on top of {@link TasksModule}. Nothing runs before `TaskWorkers.start`. */
@Module({
  imports: [
    TasksModule,
    DefinitionsModule,
    RunningModule,
    PoolsModule,
    WorkersModule,
    AnswersModule,
  ],
  providers: [TaskWorkers],
  exports: [DefinitionsModule, PoolsModule, WorkersModule, TaskWorkers],
})
export class TaskWorkersModule {}
