import { Injectable } from '@nestjs/common';
import { rows, type Transaction } from '../../infrastructure/database/transaction.js';
import { TaskClient } from '../../tasks/sending/task-client.js';
import { indexEventsTask } from './event-search.tasks.js';

/** Documents of that time go into one batch; a search of Elasticsearch is a second behind in any case. Milliseconds. */
const gatherMs = 500;

const lockKey = `hashtextextended('${indexEventsTask.name}', 2)`;

/**
 * Sees to it that a task indexes what was written, and that one is enough for many writers.
 *
 * A task ends only while no transaction is open that has relied on it: those hold a lock that they share, and the end
 * needs it alone. So writers do not wait for each other, as they would if each of them sent a task with `once`.
 *
 * Failure window: somebody revokes the task. Remedy: the next document, or the schedule, sends another one.
 */
@Injectable()
export class IndexingRequests {
  constructor(private readonly tasks: TaskClient) {}

  /** To be called after the documents are written. */
  async request(tx: Transaction): Promise<void> {
    await tx.query(`SELECT pg_advisory_xact_lock_shared(${lockKey})`);
    // A statement of its own, so that it sees an end that the lock has waited for.
    const [open] = await rows(
      tx,
      `SELECT FROM task_once_keys held JOIN tasks task ON task.id = held.task_id
        WHERE held.name = $1 AND held.expires_at > now() AND task.finished_at IS NULL`,
      [indexEventsTask.name],
    );
    if (!open) await this.tasks.send(tx, indexEventsTask, null, { delayMs: gatherMs });
  }

  /** @returns false while a transaction relies on the task; else nobody does until `tx` ends */
  async mayEnd(tx: Transaction): Promise<boolean> {
    const [lock] = await rows<{ held: boolean }>(
      tx,
      `SELECT pg_try_advisory_xact_lock(${lockKey}) AS held`,
    );
    return lock!.held;
  }
}
