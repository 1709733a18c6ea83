import assert from 'node:assert/strict';
import { it, type TestContext } from 'node:test';
import { eventually } from '../../support/eventually.js';
import { endProcess, startProcess } from '../../support/processes.js';
import { endure, poolTables } from '../../support/pool-handlers.js';
import { isAlive, openPoolLab, type PoolLab } from '../../support/pool-lab.js';
import { onBothQueueEngines, openStores, type TestStores } from '../../support/queue-engines.js';

onBothQueueEngines('stopping a pool', (engine) => {
  /** A lab, and others on its stores. */
  async function open(t: TestContext): Promise<{ first: PoolLab; next: () => Promise<PoolLab> }> {
    const first = await openPoolLab(engine);
    const labs = [first];
    t.after(async () => {
      for (const lab of labs.toReversed()) await lab.close();
    });
    const next = async () => {
      const lab = await openPoolLab(engine, {}, first.stores);
      labs.push(lab);
      return lab;
    };
    return { first, next };
  }
  const reasonsOf = (lab: PoolLab, id: string) =>
    lab.database.query('SELECT pid, reason FROM reasons WHERE task = $1', [id]);

  it('hands back what listens to its signal, and what does not, unharmed', async (t) => {
    const { first, next } = await open(t);
    const listens = await first.send(endure, 'waits_for_gate');
    const spins = await first.send(endure, 'spins');
    const pids = [await first.enduring(listens), await first.enduring(spins)];
    await first.workers.drain(50);
    for (const id of [listens, spins]) assert.equal((await first.task(id)).state, 'PENDING');
    assert.deepEqual(await reasonsOf(first, listens), [{ pid: pids[0], reason: 'WorkerStopping' }]);
    await first.pool.close();
    assert.deepEqual(pids.filter(isAlive), []);
    const second = await next();
    for (const id of [listens, spins]) {
      const task = await second.finished(id);
      assert.deepEqual([task.result, task.retries, task.crashes], [2, 0, 0]);
    }
  });

  it('tells the handler in the child when the lease is lost', async (t) => {
    const { first } = await open(t);
    const id = await first.send(endure, 'waits_for_gate');
    const pid = await first.enduring(id);
    await first.database.query('UPDATE tasks SET attempt = attempt + 1 WHERE id = $1', [id]);
    await eventually('it was told', async () => (await reasonsOf(first, id)).length > 0);
    assert.deepEqual(await reasonsOf(first, id), [{ pid, reason: 'LeaseLost' }]);
    await eventually('its child is gone', () => !isAlive(pid));
  });

  it('no child outlives a worker that is killed; its tasks run again', async (t) => {
    const stores: TestStores = await openStores(engine);
    const sender = await openPoolLab(engine, {}, stores);
    const labs = [sender];
    t.after(async () => {
      for (const lab of labs) await lab.close();
      await stores.close();
    });
    await sender.workers.drain(0);
    await sender.database.query(poolTables);
    const worker = startProcess('test/support/pool-worker.js', [], {
      DATABASE_URL: stores.databaseUrl,
      QUEUE_URL: stores.queueUrl,
      ENGINE: engine,
    });
    t.after(() => endProcess(worker));
    await worker.says('Serving');
    const ids = [await sender.send(endure, 'waits_for_gate'), await sender.send(endure, 'spins')];
    const pids = await Promise.all(ids.map((id) => sender.enduring(id)));
    worker.kill('SIGKILL');
    await eventually('no child is left', () => !pids.some(isAlive));
    const next = await openPoolLab(engine, {}, stores);
    labs.push(next);
    for (const id of ids) {
      const task = await next.finished(id);
      assert.deepEqual([task.state, task.crashes], ['SUCCESS', 1]);
    }
  });
});
