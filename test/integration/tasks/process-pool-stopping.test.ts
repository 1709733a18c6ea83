import { expect, it } from '@jest/globals';
import { atTestEnd } from '../../support/at-test-end.js';
import { eventually } from '../../support/eventually.js';
import { endProcess, startProcess } from '../../support/processes.js';
import { endure, poolTables } from '../../support/pool-handlers.js';
import { isAlive, openPoolLab, type PoolLab } from '../../support/pool-lab.js';
import { onBothQueueEngines } from '../../support/on-both-queue-engines.js';
import { openStores, type TestStores } from '../../support/queue-engines.js';

onBothQueueEngines('stopping a pool', (engine) => {
  /** A lab, and others on its stores. */
  async function open(): Promise<{ first: PoolLab; next: () => Promise<PoolLab> }> {
    const first = await openPoolLab(engine);
    const labs = [first];
    atTestEnd(async () => {
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

  it('hands tasks back unharmed, whether their handlers listen to the signal or not', async () => {
    const { first, next } = await open();
    const listens = await first.send(endure, 'waits_for_gate');
    const spins = await first.send(endure, 'spins');
    const pids = [await first.enduring(listens), await first.enduring(spins)];
    await first.workers.drain(50);
    for (const id of [listens, spins]) expect((await first.task(id)).state).toBe('PENDING');
    expect(await reasonsOf(first, listens)).toEqual([{ pid: pids[0], reason: 'WorkerStopping' }]);
    await first.pool.close();
    expect(pids.filter(isAlive)).toEqual([]);
    const second = await next();
    for (const id of [listens, spins]) {
      const task = await second.finished(id);
      expect([task.result, task.retries, task.crashes]).toEqual([2, 0, 0]);
    }
  });

  it('tells the handler in the child when the lease is lost', async () => {
    const { first } = await open();
    const id = await first.send(endure, 'waits_for_gate');
    const pid = await first.enduring(id);
    await first.database.query('UPDATE tasks SET attempt = attempt + 1 WHERE id = $1', [id]);
    await eventually('it was told', async () => (await reasonsOf(first, id)).length > 0);
    expect(await reasonsOf(first, id)).toEqual([{ pid, reason: 'LeaseLost' }]);
    await eventually('its child is gone', () => !isAlive(pid));
  });

  it('leaves no child behind when the worker is killed, and its tasks run again', async () => {
    const stores: TestStores = await openStores(engine);
    const sender = await openPoolLab(engine, {}, stores);
    const labs = [sender];
    atTestEnd(async () => {
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
    atTestEnd(() => endProcess(worker));
    await worker.says('Serving');
    const ids = [await sender.send(endure, 'waits_for_gate'), await sender.send(endure, 'spins')];
    const pids = await Promise.all(ids.map((id) => sender.enduring(id)));
    worker.kill('SIGKILL');
    await eventually('no child is left', () => !pids.some(isAlive));
    const next = await openPoolLab(engine, {}, stores);
    labs.push(next);
    for (const id of ids) {
      const task = await next.finished(id);
      expect([task.state, task.crashes]).toEqual(['SUCCESS', 1]);
    }
  });
});
