import { fileURLToPath } from 'node:url';
import type { Settings } from '../../src/config/config.module.js';
import { TaskPool } from '../../src/tasks/pools/task-pool.js';
import { CanvasHandlers } from './canvas-tasks.js';
import { eventually } from './eventually.js';
import { PoolHandlers, poolTables } from './pool-handlers.js';
import type { QueueEngineName, TestStores } from './queue-engines.js';
import { openTaskLab, type TaskLab } from './task-lab.js';

export interface PoolLab extends TaskLab {
  pool: TaskPool;
  /** Process that runs the task; null while none does. */
  pidOf: (taskId: string) => number | null;
  /** Resolves with its process when the handler of an `endure` is at work. */
  enduring: (taskId: string) => Promise<number>;
}

/** A lab whose tasks run in child processes. */
export async function openPoolLab(
  engine: QueueEngineName,
  settings: Partial<Settings> = {},
  stores?: TestStores,
): Promise<PoolLab> {
  const lab = await openTaskLab(engine, {
    providers: [PoolHandlers, CanvasHandlers],
    serve: ['normal_priority'],
    settings: { ...poolSettings, ...settings },
    ...(stores && { stores }),
  });
  if (!stores) await lab.database.query(poolTables);
  const pool = lab.get(TaskPool);
  return {
    ...lab,
    pool,
    pidOf: (id) => pool.stats().children.find((child) => child.busy === id)?.pid ?? null,
    enduring: (id) =>
      eventually(`task ${id} is at work`, async () => (await lab.task(id)).progress?.step),
  };
}

export const poolSettings: Partial<Settings> = {
  workerPool: 'processes',
  workerConcurrency: 2,
  workerMaxTasksPerChild: 0,
  childProgram: fileURLToPath(new URL('./pool-child.js', import.meta.url)),
};

export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
