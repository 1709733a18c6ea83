import type { DataSource } from 'typeorm';
import type { QueueName } from '../../src/tasks/definitions/queues.js';
import type { TaskHints } from '../../src/tasks/hints/task-hints.js';
import { eventually } from './eventually.js';

/** Ends the wait of a delayed or retrying task. Its hint may become delayed only after its row says so. */
export async function makeDue(database: DataSource, hints: TaskHints, id: string): Promise<void> {
  const [[{ queue }]] = (await database.query(
    `UPDATE tasks SET run_at = now() WHERE id = $1 RETURNING queue`,
    [id],
  )) as [[{ queue: QueueName }]];
  // A worker's own look at the ledger may be first.
  await eventually(`the hint of ${id} is due, or was`, async () => {
    const hint = await hints.of(queue).getJob(id);
    const state = await hint?.getState();
    if (state === 'delayed')
      return hint!
        .promote()
        .then(() => true)
        .catch(() => false);
    if (state === 'waiting') return true;
    const [task] = await database.query(`SELECT finished_at FROM tasks WHERE id = $1`, [id]);
    return task?.finished_at !== null;
  });
}
