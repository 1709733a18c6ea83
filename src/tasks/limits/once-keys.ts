import { Injectable } from '@nestjs/common';
import { rows, type Transaction } from '../../infrastructure/database/transaction.js';
import type { TaskDefinition } from '../definitions/task-definition.js';

/**
 * The keys of definitions with `once`, as in celery_once. A task holds its key until it ends or until the
 * definition's `ttlMs` is over, whichever comes first. After that the next task takes the key over.
 */
@Injectable()
export class OnceKeys {
  /**
   * Takes the key for a task, unless an open task has it. Waits for concurrent senders of the same key, so
   * that exactly one of them gets it.
   *
   * @param id id of the task that wants the key
   * @param holder `hold`: locks the task that has the key, so that it cannot end before `tx` does
   * @returns the id of the task that has the key now: `id`, or the open task that had it already
   */
  async claim(
    tx: Transaction,
    definition: TaskDefinition,
    key: string,
    id: string,
    holder: 'hold' | 'look' = 'look',
  ): Promise<string> {
    const { name, once } = definition;
    // A separate statement, so that the next one sees what the previous holder of the lock has committed.
    await tx.query(`SELECT pg_advisory_xact_lock(hashtextextended($1, 1))`, [`${name} ${key}`]);
    const [found] = await rows<{ id: string }>(
      tx,
      `SELECT task.id FROM task_once_keys held JOIN tasks task ON task.id = held.task_id
        WHERE held.name = $1 AND held.key = $2 AND held.expires_at > now()
          AND task.finished_at IS NULL ${holder === 'hold' ? 'FOR SHARE OF task' : ''}`,
      [name, key],
    );
    if (found) return found.id;
    await tx.query(
      `INSERT INTO task_once_keys (name, key, task_id, expires_at)
       VALUES ($1, $2, $3, now() + $4 * interval '1 ms')
       ON CONFLICT (name, key) DO UPDATE
          SET task_id = excluded.task_id, expires_at = excluded.expires_at`,
      [name, key, id, once!.ttlMs],
    );
    return id;
  }
}
