import { v7 as uuidv7 } from 'uuid';
import type { TaskHint } from '../../src/tasks/hints/task-hints.js';
import type { Client } from '../lab/client.js';
import { noOpTask } from '../lab/lab.tasks.js';

const batchSize = 2_000;
const lowest = 9;

/**
 * Tops up to `count` open tasks of the lowest priority, in the ledger and in the queue, as they would be
 * half a minute after a send. Hints first: a reconciler that looks meanwhile must find nothing lost.
 *
 * @returns how many were added, and milliseconds that the queue took for them
 */
export async function fill({ database, hints }: Client, count: number) {
  const [open] = await database.query(
    `SELECT count(*)::int AS tasks FROM tasks WHERE finished_at IS NULL AND NOT blocked`,
  );
  const added = Math.max(0, count - open.tasks);
  let queueMs = 0;
  for (let left = added; left > 0; left -= batchSize) {
    const ids = Array.from({ length: Math.min(left, batchSize) }, () => uuidv7());
    const start = performance.now();
    await hints.add(noOpTask.queue, ids.map(hintOf));
    queueMs += performance.now() - start;
    await database.query(
      `INSERT INTO tasks (id, name, queue, priority, payload, queue_check_at)
         SELECT id, $2, $3, $4, '{"n": 0}', now() + random() * interval '30 s'
           FROM unnest($1::uuid[]) AS id`,
      [ids, noOpTask.name, noOpTask.queue, lowest],
    );
  }
  await database.query('ANALYZE tasks');
  return { added, queueMs };
}

function hintOf(taskId: string): TaskHint {
  return { taskId, name: noOpTask.name, queue: noOpTask.queue, priority: lowest, delayMs: 0 };
}
