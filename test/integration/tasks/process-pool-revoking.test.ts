import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { chain, chord, group, s, si } from '../../../src/tasks/canvas/signatures.js';
import { WorkerControl } from '../../../src/tasks/control/worker-control.js';
import { TaskRevokedError } from '../../../src/tasks/definitions/task-errors.js';
import { canvasAdd, canvasSum } from '../../support/canvas-tasks.js';
import { eventually } from '../../support/eventually.js';
import { depart, endure, tell } from '../../support/pool-handlers.js';
import { isAlive, openPoolLab, type PoolLab } from '../../support/pool-lab.js';
import { onBothQueueEngines } from '../../support/on-both-queue-engines.js';

onBothQueueEngines('a task in a child process', (engine) => {
  let lab: PoolLab;
  beforeAll(async () => {
    lab = await openPoolLab(engine);
  });
  afterAll(() => lab.close());
  const reasonsOf = (id: string) =>
    lab.database.query('SELECT pid, reason FROM reasons WHERE task = $1', [id]);
  const open = (id: string) => lab.database.query('INSERT INTO gates VALUES ($1)', [id]);

  it('has its signal fired by a revocation, and is REVOKED when the handler stops', async () => {
    const id = await lab.send(endure, 'waits_for_gate');
    const pid = await lab.enduring(id);
    const [answer] = await lab.client.revoke(id, { graceMs: 20_000 });
    expect(answer!.outcome).toBe('stopping');
    await expect(lab.client.result(id).get({ timeoutMs: 300_000 })).rejects.toThrow(
      TaskRevokedError,
    );
    expect(await reasonsOf(id)).toEqual([{ pid, reason: 'TaskRevoked' }]);
    const task = await lab.task(id);
    expect([task.state, task.error?.code, task.crashes]).toEqual(['REVOKED', 'revoked', 0]);
  });

  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    it(`terminate with ${signal} ends the child of a handler that spins, and nobody else's`, async () => {
      const spins = await lab.send(endure, 'spins');
      const neighbour = await lab.send(endure, 'waits_for_gate');
      const [pid, other] = [await lab.enduring(spins), await lab.enduring(neighbour)];
      await lab.client.revoke(spins, { terminate: true, signal, graceMs: 100 });
      const task = await lab.finished(spins);
      expect([task.state, task.error?.code]).toEqual(['REVOKED', 'revoked']);
      expect([task.attempt, task.retries, task.crashes]).toEqual([1, 0, 0]);
      await eventually('its child is gone', () => !isAlive(pid));
      // While the neighbour holds one of the two places, this needs a child in the other.
      const next = await lab.finished(await lab.send(tell, null));
      expect([pid, other]).not.toContain((next.result as { pid: number }).pid);
      await open(neighbour);
      const kept = await lab.finished(neighbour);
      expect([kept.state, kept.result, kept.crashes]).toEqual(['SUCCESS', 1, 0]);
      expect(isAlive(other)).toBe(true);
    });
  }

  it('is REVOKED although its handler goes on after its soft limit, whether the worker is told or finds out', async () => {
    for (const told of [true, false]) {
      const id = await lab.send(endure, 'outlives_signal', { softTimeLimitMs: 150 });
      const [{ pid, reason }] = await eventually('its soft limit fired', async () => {
        const reasons = await reasonsOf(id);
        return reasons.length > 0 && reasons;
      });
      expect(reason).toBe('SoftTimeLimitExceeded');
      if (told) await lab.client.revoke(id, { graceMs: 100 });
      else {
        await lab.database.query(
          `UPDATE tasks SET revoke_requested_at = now(),
                  revoke_requested = '{"terminate":false,"signal":"SIGTERM","graceMs":100}'
            WHERE id = $1`,
          [id],
        );
      }
      const task = await lab.finished(id);
      expect([task.state, task.error?.code, task.crashes]).toEqual(['REVOKED', 'revoked', 0]);
      await eventually('its child is gone', () => !isAlive(pid));
    }
  });

  it('keeps its place while what it has left behind goes on, and its child until then', async () => {
    const id = await lab.send(depart, null);
    const pid = await lab.enduring(id);
    const neighbour = await lab.send(endure, 'waits_for_gate');
    await lab.enduring(neighbour);
    await lab.client.revoke(id);
    expect((await lab.finished(id)).state).toBe('REVOKED');
    const next = await lab.send(tell, null);
    // Time for it to start, where it may.
    await delay(500);
    expect([(await lab.task(next)).state, isAlive(pid)]).toEqual(['PENDING', true]);
    await open(id);
    expect((await lab.finished(next)).state).toBe('SUCCESS');
    await eventually('its child is gone', () => !isAlive(pid));
    await open(neighbour);
    await lab.finished(neighbour);
  });

  it("has the sender's time limits", async () => {
    const soft = await lab.send(endure, 'waits_for_gate', { softTimeLimitMs: 50 });
    const stopped = await lab.finished(soft);
    expect(stopped.error!.message).toMatch(/after its time limit of 0\.05 s/);
    expect((await reasonsOf(soft))[0]?.reason).toBe('SoftTimeLimitExceeded');
    const hard = await lab.finished(await lab.send(endure, 'spins', { hardTimeLimitMs: 200 }));
    expect([hard.state, hard.error?.code, hard.crashes]).toEqual(['FAILURE', 'time_limit', 0]);
  });

  it('has time limits that are set while the child runs', async () => {
    await lab.finished(await lab.send(tell, null));
    const { control } = lab.get(WorkerControl);
    await control.timeLimit('endure', { softMs: 60, hardMs: 120_000 });
    const id = await lab.send(endure, 'waits_for_gate');
    expect((await lab.finished(id)).error!.message).toMatch(/after its time limit of 0\.06 s/);
    expect((await reasonsOf(id))[0]?.reason).toBe('SoftTimeLimitExceeded');
    await control.timeLimit('endure', { softMs: null, hardMs: null });
    const free = await lab.send(endure, 'waits_for_gate');
    await lab.enduring(free);
    await open(free);
    expect((await lab.finished(free)).state).toBe('SUCCESS');
  });

  it('can be a step of a canvas: the child ends the step and starts the next one', async () => {
    const canvas = chain(
      chord(
        group(
          si(canvasAdd, { a: 1, b: 2 }),
          chain(si(canvasAdd, { a: 3, b: 4 }), s(canvasAdd, 'a', { b: 10 })),
        ),
        s(canvasSum),
      ),
      s(canvasAdd, 'a', { b: 100 }),
    );
    const sent = await lab.client.sendCanvas(lab.database.manager, canvas);
    expect(await sent.get({ timeoutMs: 300_000 })).toBe(120);
    const nodes = await lab.database.query(
      `SELECT state, attempt FROM tasks WHERE canvas_id = $1 AND kind = 'task'`,
      [sent.id],
    );
    expect(nodes.length).toBe(5);
    for (const node of nodes) expect(node).toEqual({ state: 'SUCCESS', attempt: 1 });
  });
});
