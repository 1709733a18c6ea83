import { writeFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { atTestEnd } from '../../support/at-test-end.js';
import { eventually } from '../../support/eventually.js';
import { endure, tell } from '../../support/pool-handlers.js';
import { isAlive, openPoolLab, poolSettings, type PoolLab } from '../../support/pool-lab.js';

async function pidsOfTasks(lab: PoolLab, count: number): Promise<number[]> {
  const pids: number[] = [];
  for (let i = 0; i < count; i++) {
    const { result } = await lab.finished(await lab.send(tell, null));
    pids.push((result as { pid: number }).pid);
  }
  return pids;
}

describe('children of a pool', () => {
  it('a child is replaced after the set number of tasks', async () => {
    const lab = await openPoolLab('postgres', { workerMaxTasksPerChild: 2, workerConcurrency: 1 });
    atTestEnd(() => lab.close());
    const [a, b, c, d] = await pidsOfTasks(lab, 4);
    expect([a, c]).toEqual([b, d]);
    expect(a).not.toBe(c);
    await eventually('the first one is gone', () => !isAlive(a!));
    await eventually('both have ended', () => lab.pool.stats().restarts === 2);
    expect(lab.pool.stats().children.length).toBe(1);
  });

  it('a child above the memory limit is replaced after its task', async () => {
    const lab = await openPoolLab('postgres', {
      workerMaxMemoryPerChildMb: 1,
      workerConcurrency: 1,
    });
    atTestEnd(() => lab.close());
    const pids = await pidsOfTasks(lab, 2);
    expect(new Set(pids).size).toBe(2);
  });

  it('a smaller pool keeps fewer children', async () => {
    const lab = await openPoolLab('postgres');
    atTestEnd(() => lab.close());
    const ids = [
      await lab.send(endure, 'waits_for_gate'),
      await lab.send(endure, 'waits_for_gate'),
    ];
    const pids = await Promise.all(ids.map((id) => lab.enduring(id)));
    lab.pool.resize(1);
    expect(lab.pool.stats().children.length).toBe(2);
    await lab.database.query('INSERT INTO gates SELECT unnest($1::uuid[])', [ids]);
    await eventually('one is left', () => pids.filter(isAlive).length === 1);
  });

  it('a task goes back unharmed while no child can start, and runs when one can', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'darkroom-pool-'));
    const childProgram = join(folder, 'child.mjs');
    await writeFile(childProgram, 'process.exit(7);');
    const lab = await openPoolLab('postgres', { childProgram });
    atTestEnd(async () => {
      await lab.close();
      await rm(folder, { recursive: true });
    });
    const id = await lab.send(tell, null);
    await eventually('it was handed back', async () => (await lab.task(id)).attempt >= 2);
    await writeFile(childProgram, `import ${JSON.stringify(poolSettings.childProgram)};`);
    const task = await lab.finished(id);
    expect([task.state, task.retries, task.crashes]).toEqual(['SUCCESS', 0, 0]);
  });
});
