import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { WorkerStopping } from '../../../src/tasks/definitions/task-errors.js';
import { TaskRunner } from '../../../src/tasks/workers/task-runner.js';
import { eventually } from '../../support/eventually.js';
import { die, endure, endureBriefly, note, retry, tell } from '../../support/pool-handlers.js';
import { isAlive, openPoolLab, type PoolLab } from '../../support/pool-lab.js';
import { onBothQueueEngines } from '../../support/on-both-queue-engines.js';

onBothQueueEngines('tasks in child processes', (engine) => {
  let lab: PoolLab;
  beforeAll(async () => {
    lab = await openPoolLab(engine);
  });
  afterAll(() => lab.close());

  it('a child writes the result and its rows in the same transaction', async () => {
    const id = await lab.send(note, 'from a child');
    const task = await lab.finished(id);
    expect(task.state).toBe('SUCCESS');
    expect((task.result as { pid: number }).pid).not.toBe(process.pid);
    const notes = await lab.database.query('SELECT text FROM notes WHERE task = $1', [id]);
    expect(notes).toEqual([{ text: 'from a child' }]);
  });

  it('one child runs one task after the other, and the statistics show it', async () => {
    const first = await lab.finished(await lab.send(tell, null));
    const second = await lab.finished(await lab.send(tell, null));
    expect(first.result).toEqual(second.result);
    const { pid } = first.result as { pid: number };
    const { kind, size, children } = lab.pool.stats();
    expect([kind, size]).toEqual(['processes', 2]);
    const child = children.find((c) => c.pid === pid)!;
    expect(child.tasks >= 2 && child.rss! > 2 ** 20).toBe(true);
  });

  it('progress of a child is visible, and a signal to its group does not end the child', async () => {
    const id = await lab.send(endure, 'waits_for_gate');
    const pid = await lab.enduring(id);
    expect(lab.pidOf(id)).toBe(pid);
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.kill(pid, signal);
    await lab.database.query('INSERT INTO gates VALUES ($1)', [id]);
    const task = await lab.finished(id);
    expect([task.state, task.attempt]).toEqual(['SUCCESS', 1]);
    expect(isAlive(pid)).toBe(true);
  });

  it('a task that fails in a child is retried', async () => {
    const task = await lab.finished(await lab.send(retry, null));
    expect([task.state, task.result, task.retries, task.crashes]).toEqual(['SUCCESS', 2, 1, 0]);
  });

  for (const how of ['spins', 'spins_in_transaction', 'hangs'] as const) {
    it(`a handler that ${how.replaceAll('_', ' ')} for ever is FAILURE, and its neighbour is not`, async () => {
      const stuck = await lab.send(endureBriefly, how);
      const pid = await eventually('it runs', () => lab.pidOf(stuck));
      const neighbour = await lab.send(tell, null);
      expect((await lab.finished(neighbour)).state).toBe('SUCCESS');
      const task = await lab.finished(stuck);
      expect([task.state, task.error?.code]).toEqual(['FAILURE', 'time_limit']);
      expect([task.attempt, task.crashes]).toEqual([1, 0]);
      await eventually('its child is gone', () => !isAlive(pid));
      const after = await lab.finished(await lab.send(tell, null));
      expect(after.state).toBe('SUCCESS');
    });
  }

  for (const how of ['hangs', 'spins'] as const) {
    it(`a child whose handler ${how} when the worker stops is ended, and the task goes back`, async () => {
      const id = await lab.send(endure, how);
      const pid = await lab.enduring(id);
      const { abort } = lab.get(TaskRunner).active.find(({ task }) => task.id === id)!;
      abort.abort(new WorkerStopping('it was asked to'));
      const task = await lab.finished(id);
      expect([task.state, task.result, task.crashes]).toEqual(['SUCCESS', 2, 0]);
      await eventually('its child is gone', () => !isAlive(pid));
    });
  }

  it('the soft limit fires the signal inside the child', async () => {
    const obeys = await lab.finished(await lab.send(endureBriefly, 'obeys'));
    expect([obeys.state, obeys.error?.code]).toEqual(['FAILURE', 'time_limit']);
    expect(obeys.error!.message).toMatch(/was stopped after its time limit of 0\.1 s/);
    const makesDo = await lab.finished(await lab.send(endureBriefly, 'makes_do'));
    expect(makesDo.result).toBe('SoftTimeLimitExceeded');
  });

  for (const how of ['exit', 'throw_outside'] as const) {
    it(`a child that dies of ${how} counts as a crash of its task, not a retry, and another child runs the task`, async () => {
      const task = await lab.finished(await lab.send(die, { how, times: 1 }));
      expect([task.state, task.result]).toEqual(['SUCCESS', 2]);
      expect([task.crashes, task.retries]).toEqual([1, 0]);
    });
  }

  it('a task that kills three children is quarantined', async () => {
    const task = await lab.finished(await lab.send(die, { how: 'kill', times: 9 }));
    expect([task.state, task.error?.code]).toEqual(['FAILURE', 'poison_task']);
    expect([task.attempt, task.crashes]).toEqual([3, 3]);
  });
});
