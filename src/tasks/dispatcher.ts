import { Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { messageOf } from '../common/message-of.js';
import { QUEUE_NAMES, type QueueName } from './queues.js';
import { TaskHints, type TaskHint } from './task-hints.js';

/** Hints added in one round trip. */
const batchSize = 500;
/** Hints kept while the store is slow or away; the ledger has the rest. */
const maxPending = 20_000;

/**
 * Hands committed tasks to the queue, in batches: while one is on its way the next one gathers.
 *
 * Failure window: a process that dies, or a store that does not answer, between commit and `add`.
 * Remedy: `queue_check_at` stays null and the reconciler of any process adds the hint.
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

  /** Call after the commit. Returns at once and never throws. */
  dispatch(hint: TaskHint): void {
    const queue = this.pending.get(hint.queue)!;
    if (queue.length >= maxPending) return;
    queue.push(hint);
    if (!this.sending.has(hint.queue)) {
      this.sending.set(hint.queue, this.drain(hint.queue));
    }
  }

  /** Resolves when everything handed over so far is on its way, or given up. */
  async idle(): Promise<void> {
    await Promise.all(this.sending.values());
  }

  private async drain(name: QueueName): Promise<void> {
    // Lets the other requests of this turn of the event loop join the first batch.
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

  /** First check half a minute after the task is due: most are over by then. */
  private async markDispatched(ids: string[]): Promise<void> {
    await this.database.query(
      `UPDATE tasks SET queue_check_at = greatest(run_at, now()) + interval '30 s'
        WHERE id = ANY($1) AND finished_at IS NULL AND queue_check_at IS NULL`,
      [ids],
    );
  }

  private troubled(error: unknown): void {
    if (this.trouble) return;
    this.trouble = true;
    this.log.warn(
      `The queue does not take tasks just now (${messageOf(error)}). They are safe in the ledger and follow when it does.`,
    );
  }

  private recovered(): void {
    if (!this.trouble) return;
    this.trouble = false;
    this.log.log('The queue takes tasks again.');
  }
}
