import { Inject, Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { messageOf } from '../../common/message-of.js';
import { SETTINGS, type Settings } from '../../config/config.module.js';
import { retried, rows } from '../../infrastructure/database/transaction.js';
import type { QueueName } from '../definitions/queues.js';
import { TaskHints, type TaskHint } from './task-hints.js';

const batchSize = 500;

/**
 * Compares the ledger with the queue and adds the hints that the queue lacks: of tasks that were
 * committed but never dispatched, and of tasks that the queue has lost (wiped, restored, evicted). Runs in
 * every process. Two at once do no harm, since a hint has its task's id.
 *
 * Its work is bounded: a pass checks one batch, and goes on only while batches show losses. So a backlog
 * of a million costs no more than a small one, and a wiped store is still refilled in one pass.
 */
@Injectable()
export class Reconciler {
  private readonly log = new Logger('Reconciler');
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | undefined;
  private stopped = false;

  constructor(
    private readonly database: DataSource,
    private readonly hints: TaskHints,
    @Inject(SETTINGS) private readonly settings: Settings,
  ) {}

  start(): void {
    this.stopped = false;
    this.schedule(this.settings.reconcileMs * Math.random());
  }

  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.running;
  }

  /** Runs one pass. @returns how many hints were added */
  async reconcile(): Promise<number> {
    return (await this.addUndispatched()) + (await this.addLost());
  }

  private schedule(inMs: number): void {
    if (this.stopped) return;
    this.timer = setTimeout(() => {
      this.running = this.pass();
    }, inMs);
    this.timer.unref();
  }

  private async pass(): Promise<void> {
    try {
      const added = await this.reconcile();
      if (added > 0)
        this.log.log(`${added} ${added === 1 ? 'task' : 'tasks'} put back in the queue`);
    } catch (error) {
      this.log.warn(`Could not compare the ledger with the queue: ${messageOf(error)}`);
    }
    this.schedule(this.settings.reconcileMs);
  }

  /** Skips tasks of the last two seconds, which a dispatcher is probably just handing over. */
  private async addUndispatched(): Promise<number> {
    let added = 0;
    for (;;) {
      const tasks = await this.find(
        `queue_check_at IS NULL AND created_at < now() - interval '2 s'`,
        'id',
      );
      if (tasks.length === 0) return added;
      await this.addAll(tasks);
      added += tasks.length;
    }
  }

  private async addLost(): Promise<number> {
    const [now] = await retried(() =>
      rows<{ started: Date }>(this.database, 'SELECT now() AS started'),
    );
    let added = 0;
    // After one loss every task is checked, not only those whose next check is due.
    for (
      let suspects = 'queue_check_at < $1';
      ;
      suspects = `queue_check_at < $1::timestamptz + interval '30 s'`
    ) {
      const tasks = await this.find(
        `${suspects} AND run_at <= $1 AND (lease_until IS NULL OR lease_until < now())`,
        'queue_check_at',
        [now!.started],
      );
      if (tasks.length === 0) return added;
      const lost = await this.findLost(tasks);
      await this.addAll(lost);
      await this.checkedNow(tasks);
      added += lost.length;
      if (lost.length === 0) return added;
    }
  }

  private find(condition: string, order: string, parameters: unknown[] = []): Promise<TaskHint[]> {
    return retried(() =>
      rows<TaskHint>(
        this.database,
        `SELECT id AS "taskId", name, queue, priority,
              greatest(0, extract(epoch FROM run_at - now()) * 1000)::float8 AS "delayMs"
         FROM tasks WHERE finished_at IS NULL AND NOT blocked AND ${condition} ORDER BY ${order} LIMIT ${batchSize}`,
        parameters,
      ),
    );
  }

  private async findLost(tasks: TaskHint[]): Promise<TaskHint[]> {
    const lost: TaskHint[] = [];
    for (const [queue, group] of byQueue(tasks)) {
      const missing = await this.hints.missing(
        queue,
        group.map((task) => task.taskId),
      );
      lost.push(...group.filter((task) => missing.has(task.taskId)));
    }
    return lost;
  }

  private async addAll(tasks: TaskHint[]): Promise<void> {
    for (const [queue, group] of byQueue(tasks)) await this.hints.add(queue, group);
    await this.checkedNow(tasks);
  }

  private async checkedNow(tasks: TaskHint[]): Promise<void> {
    const sql = `
      UPDATE tasks SET queue_check_at = greatest(run_at, now()) + interval '30 s'
       WHERE id = ANY($1) AND finished_at IS NULL`;
    await retried(() => this.database.query(sql, [tasks.map((task) => task.taskId)]));
  }
}

function byQueue(tasks: TaskHint[]): Map<QueueName, TaskHint[]> {
  const groups = new Map<QueueName, TaskHint[]>();
  for (const task of tasks) groups.set(task.queue, [...(groups.get(task.queue) ?? []), task]);
  return groups;
}
