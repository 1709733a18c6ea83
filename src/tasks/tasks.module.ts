import { Module, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { QueueModule } from '../infrastructure/queue/queue.module.js';
import { CanvasProgress } from './canvas/canvas-progress.js';
import { Dispatcher } from './dispatcher.js';
import { OnceKeys } from './limits/once-keys.js';
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
import { TaskHints } from './task-hints.js';
import { TaskInserts } from './task-inserts.js';
import { TaskLedger } from './task-ledger.js';
import { TaskRegistry } from './task-registry.js';
import { TaskResults } from './task-results.js';
import { TaskRevocations } from './task-revocations.js';
import { TaskRunner } from './task-runner.js';
import { TaskEntity } from './task.entity.js';
import { LeaseKeeper } from './workers/lease-keeper.js';
import { RevocationListener } from './workers/revocation-listener.js';
import { TaskWorkers } from './workers/task-workers.js';

/** Sending tasks and reading their state: all that an API process or another service needs. */
@Module({
  imports: [QueueModule, TypeOrmModule.forFeature([TaskEntity])],
  providers: [
    TaskClient,
    TaskInserts,
    TaskResults,
    TaskRevocations,
    TaskLedger,
    TaskEndings,
    CanvasProgress,
    OnceKeys,
    TaskHints,
    Dispatcher,
    Reconciler,
    TaskEvents,
    Schedules,
    ScheduleRuns,
    ScheduleNews,
  ],
  exports: [
    TaskClient,
    TaskResults,
    TaskRevocations,
    TaskLedger,
    TaskEndings,
    TaskHints,
    Dispatcher,
    Reconciler,
    TaskEvents,
    Schedules,
    ScheduleRuns,
    ScheduleNews,
    TypeOrmModule,
    QueueModule,
  ],
})
export class TasksModule implements OnApplicationBootstrap, OnApplicationShutdown {
  constructor(
    private readonly reconciler: Reconciler,
    private readonly dispatcher: Dispatcher,
    private readonly hints: TaskHints,
  ) {}

  onApplicationBootstrap(): void {
    this.reconciler.start();
  }

  /** After the last request, and before the database closes. */
  async onApplicationShutdown(): Promise<void> {
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
    TaskRunner,
    LeaseKeeper,
    RevocationListener,
    TaskWorkers,
    DeclaredSchedules,
    ScheduleTicker,
  ],
  exports: [TaskRegistry, TaskRunner, TaskWorkers],
})
export class TaskWorkersModule {}
