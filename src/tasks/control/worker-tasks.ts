import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { retried, rows } from '../../infrastructure/database/transaction.js';
import type { QueueName } from '../definitions/queues.js';
import { thisProcess } from '../process/process-identity.js';
import { WorkerProcess } from '../process/worker-process.js';
import { TaskRunner } from '../workers/task-runner.js';
import { QueueWorkers } from '../workers/queue-workers.js';
import type {
  ActiveTasks,
  ReservedTasks,
  RevokedTasks,
  ScheduledTask,
  ScheduledTasks,
} from './command-data.js';

/** Most tasks in one answer: about 200 KB. */
const maxListed = 1_000;

/** The tasks of this worker: those that it runs, and those that the ledger has for its queues. */
@Injectable()
export class WorkerTasks {
  constructor(
    private readonly database: DataSource,
    private readonly runner: TaskRunner,
    private readonly queues: QueueWorkers,
    private readonly process: WorkerProcess,
  ) {}

  active(): ActiveTasks {
    const running = this.runner.active;
    const tasks = running.slice(0, maxListed).map(({ task, startedAt }) => ({
      id: task.id,
      name: task.name,
      queue: task.queue,
      attempt: task.attempt,
      startedAt: startedAt.toISOString(),
      runtimeMs: Date.now() - startedAt.getTime(),
    }));
    return { tasks, total: running.length };
  }

  reserved(): ReservedTasks {
    const started = new Set(this.runner.active.map(({ task }) => task.id));
    const tasks = this.queues.all().flatMap(({ queue, takenIds }) => {
      return takenIds.filter((id) => !started.has(id)).map((id) => ({ id, queue }));
    });
    return { tasks: tasks.slice(0, maxListed), total: tasks.length };
  }

  /** @throws UnavailableError */
  async scheduled(): Promise<ScheduledTasks> {
    const queues = this.queues.state().filter(({ paused }) => !paused);
    const found = await this.find<ScheduledTask & { at: Date; total: number }>(
      `SELECT id, name, queue, state, priority, run_at AS at, count(*) OVER ()::int AS total
         FROM tasks
        WHERE finished_at IS NULL AND state IN ('PENDING', 'RETRY') AND NOT blocked
          AND run_at > now() AND queue = ANY($1)
        ORDER BY run_at, id LIMIT ${maxListed}`,
      [queues.map(({ queue }) => queue)],
    );
    return {
      tasks: found.map(({ at, total: _, ...task }) => ({ ...task, eta: at.toISOString() })),
      total: found[0]?.total ?? 0,
    };
  }

  /** @throws UnavailableError */
  async revoked(): Promise<RevokedTasks> {
    const found = await this.find<{ id: string; name: string; queue: QueueName; at: Date }>(
      `SELECT id, name, queue, revoke_requested_at AS at FROM tasks
        WHERE worker = $1 AND (process IS NULL OR process = $2) AND state = 'STARTED' AND revoke_requested_at IS NOT NULL
        ORDER BY revoke_requested_at, id LIMIT ${maxListed}`,
      [this.process.name, thisProcess],
    );
    return { tasks: found.map(({ at, ...task }) => ({ ...task, requestedAt: at.toISOString() })) };
  }

  private find<T>(sql: string, parameters: unknown[]): Promise<T[]> {
    return retried(() => rows<T>(this.database, sql, parameters));
  }
}
