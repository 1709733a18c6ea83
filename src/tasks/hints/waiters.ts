import { Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { pause } from '../../common/deadline.js';
import { messageOf } from '../../common/message-of.js';
import { unhurried } from '../../infrastructure/database/request-deadline.js';
import { query } from '../../infrastructure/database/transaction.js';
import type { QueueName } from '../definitions/queues.js';
import { TaskHints } from './task-hints.js';

/** A worker delays the hint of a task just after the task is snoozed. Pauses between tries, in milliseconds. */
const pausesMs = [0, 50, 200, 1_000];
/** Most tasks that one process wakes at the same time. The others look by themselves. */
const maxUnderWay = 200;

/**
 * Makes the hint of a waiting task available when a task that it waits for has ended. The statement of that end has
 * made the row due.
 *
 * Failure window: the process dies, or the queue is away. Remedy: the waiting task looks again when its snooze is over.
 */
@Injectable()
export class Waiters {
  private readonly log = new Logger('Waiters');
  private readonly underWay = new Set<string>();

  constructor(
    private readonly database: DataSource,
    private readonly hints: TaskHints,
  ) {}

  /** Call it after the commit. Returns at once and never throws. */
  wake(id: string): void {
    if (this.underWay.has(id) || this.underWay.size >= maxUnderWay) return;
    this.underWay.add(id);
    unhurried(() => this.promote(id))
      .catch((error: unknown) => this.log.debug(`${id} was not woken: ${messageOf(error)}`))
      .finally(() => this.underWay.delete(id));
  }

  private async promote(id: string): Promise<void> {
    for (const ms of pausesMs) {
      await pause(ms);
      const [due] = await query<{ queue: QueueName }>(
        this.database,
        `SELECT queue FROM tasks
          WHERE id = $1 AND state IN ('PENDING', 'RETRY') AND run_at <= now()`,
        [id],
      );
      // It is running, and takes another look before it waits; or it waits for something else.
      if (!due || (await this.hints.promote(due.queue, id))) return;
    }
  }
}
