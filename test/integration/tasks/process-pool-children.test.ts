import assert from 'node:assert/strict';
import { writeFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
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
  it('a child is replaced after so many tasks', async (t) => {
    const lab = await openPoolLab('postgres', { workerMaxTasksPerChild: 2, workerConcurrency: 1 });
    t.after(() => lab.close());
    const [a, b, c, d] = await pidsOfTasks(lab, 4);
    assert.deepEqual([a, c], [b, d]);
    assert.notEqual(a, c);
    await eventually('the first one is gone', () => !isAlive(a!));
    await eventually('both have ended', () => lab.pool.stats().restarts === 2);
    assert.equal(lab.pool.stats().children.length, 1);
  });

  it('a child above the memory limit is replaced after its task', async (t) => {
    const lab = await openPoolLab('postgres', {
      workerMaxMemoryPerChildMb: 1,
      workerConcurrency: 1,
    });
    t.after(() => lab.close());
    const pids = await pidsOfTasks(lab, 2);
    assert.equal(new Set(pids).size, 2);
  });

  it('a smaller pool keeps fewer children', async (t) => {
    const lab = await openPoolLab('postgres');
    t.after(() => lab.close());
    const ids = [
      await lab.send(endure, 'waits_for_gate'),
      await lab.send(endure, 'waits_for_gate'),
    ];
    const pids = await Promise.all(ids.map((id) => lab.enduring(id)));
    lab.pool.resize(1);
    assert.equal(lab.pool.stats().children.length, 2);
    await lab.database.query('INSERT INTO gates SELECT unnest($1::uuid[])', [ids]);
    await eventually('one is left', () => pids.filter(isAlive).length === 1);
  });

  it('a task goes back unharmed while no child can start, and runs when one can', async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'darkroom-pool-'));
    const childProgram = join(folder, 'child.mjs');
    await writeFile(childProgram, 'process.exit(7);');
    const lab = await openPoolLab('postgres', { childProgram });
    t.after(async () => {
      await lab.close();
      await rm(folder, { recursive: true });
    });
    const id = await lab.send(tell, null);
    await eventually('it was handed back', async () => (await lab.task(id)).attempt >= 2);
    await writeFile(childProgram, `import ${JSON.stringify(poolSettings.childProgram)};`);
    const task = await lab.finished(id);
    assert.deepEqual([task.state, task.retries, task.crashes], ['SUCCESS', 0, 0]);
  });
});
