import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { WorkerStopping } from '../../../src/tasks/task-errors.js';
import { TaskRunner } from '../../../src/tasks/task-runner.js';
import { eventually } from '../../support/eventually.js';
import { die, endure, endureBriefly, note, retry, tell } from '../../support/pool-handlers.js';
import { isAlive, openPoolLab, type PoolLab } from '../../support/pool-lab.js';
import { onBothQueueEngines } from '../../support/queue-engines.js';

onBothQueueEngines('tasks in child processes', (engine) => {
  let lab: PoolLab;
  before(async () => {
    lab = await openPoolLab(engine);
  });
  after(() => lab.close());

  it('a child gives the result, and its rows in the same transaction', async () => {
    const id = await lab.send(note, 'from a child');
    const task = await lab.finished(id);
    assert.equal(task.state, 'SUCCESS');
    assert.notEqual((task.result as { pid: number }).pid, process.pid);
    const notes = await lab.database.query('SELECT text FROM notes WHERE task = $1', [id]);
    assert.deepEqual(notes, [{ text: 'from a child' }]);
  });

  it('one child runs one task after the other; statistics tell of it', async () => {
    const first = await lab.finished(await lab.send(tell, null));
    const second = await lab.finished(await lab.send(tell, null));
    assert.deepEqual(first.result, second.result);
    const { pid } = first.result as { pid: number };
    const { kind, size, children } = lab.pool.stats();
    assert.deepEqual([kind, size], ['processes', 2]);
    const child = children.find((c) => c.pid === pid)!;
    assert.ok(child.tasks >= 2 && child.rss! > 2 ** 20);
  });

  it('progress shows from a child, and a signal to its group does not end it', async () => {
    const id = await lab.send(endure, 'waits_for_gate');
    const pid = await lab.enduring(id);
    assert.equal(lab.pidOf(id), pid);
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.kill(pid, signal);
    await lab.database.query('INSERT INTO gates VALUES ($1)', [id]);
    const task = await lab.finished(id);
    assert.deepEqual([task.state, task.attempt], ['SUCCESS', 1]);
    assert.ok(isAlive(pid));
  });

  it('a retry from a child', async () => {
    const task = await lab.finished(await lab.send(retry, null));
    assert.deepEqual([task.state, task.result, task.retries, task.crashes], ['SUCCESS', 2, 1, 0]);
  });

  for (const how of ['spins', 'spins_in_transaction', 'hangs'] as const) {
    it(`a handler that ${how.replaceAll('_', ' ')} for ever is FAILURE; its neighbour is not`, async () => {
      const stuck = await lab.send(endureBriefly, how);
      const pid = await eventually('it runs', () => lab.pidOf(stuck));
      const neighbour = await lab.send(tell, null);
      assert.equal((await lab.finished(neighbour)).state, 'SUCCESS');
      const task = await lab.finished(stuck);
      assert.deepEqual([task.state, task.error?.code], ['FAILURE', 'time_limit']);
      assert.deepEqual([task.attempt, task.crashes], [1, 0]);
      await eventually('its child is gone', () => !isAlive(pid));
      const after = await lab.finished(await lab.send(tell, null));
      assert.equal(after.state, 'SUCCESS');
    });
  }

  for (const how of ['hangs', 'spins'] as const) {
    it(`a child whose handler ${how} when the worker stops is ended; the task goes back`, async () => {
      const id = await lab.send(endure, how);
      const pid = await lab.enduring(id);
      const { abort } = lab.get(TaskRunner).active.find(({ task }) => task.id === id)!;
      abort.abort(new WorkerStopping('it was asked to'));
      const task = await lab.finished(id);
      assert.deepEqual([task.state, task.result, task.crashes], ['SUCCESS', 2, 0]);
      await eventually('its child is gone', () => !isAlive(pid));
    });
  }

  it('the soft limit fires the signal inside the child', async () => {
    const obeys = await lab.finished(await lab.send(endureBriefly, 'obeys'));
    assert.deepEqual([obeys.state, obeys.error?.code], ['FAILURE', 'time_limit']);
    assert.match(obeys.error!.message, /was stopped after its time limit of 0\.1 s/);
    const makesDo = await lab.finished(await lab.send(endureBriefly, 'makes_do'));
    assert.equal(makesDo.result, 'SoftTimeLimitExceeded');
  });

  for (const how of ['exit', 'throw_outside'] as const) {
    it(`a child that ends of ${how} is a crash of its task, not a retry; the next one runs it`, async () => {
      const task = await lab.finished(await lab.send(die, { how, times: 1 }));
      assert.deepEqual([task.state, task.result], ['SUCCESS', 2]);
      assert.deepEqual([task.crashes, task.retries], [1, 0]);
    });
  }

  it('a task that kills three children is quarantined', async () => {
    const task = await lab.finished(await lab.send(die, { how: 'kill', times: 9 }));
    assert.deepEqual([task.state, task.error?.code], ['FAILURE', 'poison_task']);
    assert.deepEqual([task.attempt, task.crashes], [3, 3]);
  });
});
