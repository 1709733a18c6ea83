import { Injectable } from '@nestjs/common';
import { rows, type Transaction } from '../../infrastructure/database/transaction.js';
import type { TaskDefinition } from '../task-definition.js';
import { limitKey } from './limit-key.js';

/**
 * Keys of definitions with `once` (celery_once). A key belongs to a task until that has ended, or
 * for the definition's `ttlMs`, whichever is first; a stale key is simply taken over.
 */
@Injectable()
export class OnceKeys {
  /**
   * Waits for other senders of the same key, so that exactly one of them gets it.
   *
   * @param id of the task that is about to be stored in `tx`
   * @returns the id of the task that has the key: `id`, or an open one that was there first
   */
  async claim(
    tx: Transaction,
    definition: TaskDefinition,
    payload: unknown,
    id: string,
  ): Promise<string> {
    const { name, once } = definition;
    const key = limitKey(definition, once!, payload);
    // A statement of its own: the next one then sees what the holder of the lock has committed.
    await tx.query(`SELECT pg_advisory_xact_lock(hashtextextended($1, 1))`, [`${name} ${key}`]);
    const [holder] = await rows<{ id: string }>(
      tx,
      `SELECT task.id FROM task_once_keys held JOIN tasks task ON task.id = held.task_id
        WHERE held.name = $1 AND held.key = $2 AND held.expires_at > now()
          AND task.finished_at IS NULL`,
      [name, key],
    );
    if (holder) return holder.id;
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
