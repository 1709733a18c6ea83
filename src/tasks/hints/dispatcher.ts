import { Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { messageOf } from '../../common/message-of.js';
import { unhurried } from '../../infrastructure/database/request-deadline.js';
import { retried } from '../../infrastructure/database/transaction.js';
import { QUEUE_NAMES, type QueueName } from '../definitions/queues.js';
import { TaskHints, type TaskHint } from './task-hints.js';

/** Most hints added at once. */
const batchSize = 500;
/** Most hints kept in memory while the store is slow or away. The ledger has the rest. */
const maxPending = 20_000;

/**
 * Hands committed tasks to their queues, in batches: while one is being sent, the next one is collected.
 *
 * Failure window: the process dies, or the store does not answer, between the commit and `add`.
 * Remedy: `queue_check_at` stays null, so the reconciler of any process adds the hint.
 */
@Injectable()
export class Dispatcher {
  private readonly log = new Logger('Dispatcher');
  private readonly pending = new Map<QueueName, TaskHint[]>(QUEUE_NAMES.map((name) => [name, []]));
  private readonly sending = new Map<QueueName, Promise<void>>();
  private trouble = false;

  constructor(
    private readonly hints: TaskHints,
    private readonly database: DataSource,
  ) {}

  /** Hands a task to its queue. Call it after the commit. Returns at once and never throws. */
  dispatch(hint: TaskHint): void {
    const queue = this.pending.get(hint.queue)!;
    if (queue.length >= maxPending) return;
    queue.push(hint);
    if (!this.sending.has(hint.queue)) {
      // A batch also carries hints of other requests, so no request's deadline applies to it.
      this.sending.set(
        hint.queue,
        unhurried(() => this.drain(hint.queue)),
      );
    }
  }

  /** Resolves when every hint so far was added, or was left to the reconciler. */
  async idle(): Promise<void> {
    await Promise.all(this.sending.values());
  }

  private async drain(name: QueueName): Promise<void> {
    // Lets other requests of this turn of the event loop join the first batch.
    await new Promise(setImmediate);
    const queue = this.pending.get(name)!;
    while (queue.length > 0) await this.send(name, queue.splice(0, batchSize));
    this.sending.delete(name);
  }

  private async send(name: QueueName, batch: TaskHint[]): Promise<void> {
    try {
      await this.hints.add(name, batch);
      await this.markDispatched(batch.map((hint) => hint.taskId));
      this.recovered();
    } catch (error) {
      this.pending.get(name)!.length = 0;
      this.troubled(error);
    }
  }

  /** The first check comes half a minute after the task is due: most tasks are over by then. */
  private async markDispatched(ids: string[]): Promise<void> {
    const sql = `
      UPDATE tasks SET queue_check_at = greatest(run_at, now()) + interval '30 s'
       WHERE id = ANY($1) AND finished_at IS NULL AND queue_check_at IS NULL`;
    await retried(() => this.database.query(sql, [ids]));
  }

  private troubled(error: unknown): void {
    if (this.trouble) return;
    this.trouble = true;
    this.log.warn(
      `The queue does not accept tasks at the moment (${messageOf(error)}). They are safe in the ledger and will be sent when it does.`,
    );
  }

  private recovered(): void {
    if (!this.trouble) return;
    this.trouble = false;
    this.log.log('The queue accepts tasks again.');
  }
}
