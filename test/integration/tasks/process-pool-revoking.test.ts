import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { chain, chord, group, s, si } from '../../../src/tasks/canvas/signatures.js';
import { WorkerControl } from '../../../src/tasks/control/worker-control.js';
import { TaskRevokedError } from '../../../src/tasks/task-errors.js';
import { canvasAdd, canvasSum } from '../../support/canvas-tasks.js';
import { eventually } from '../../support/eventually.js';
import { endure, tell } from '../../support/pool-handlers.js';
import { isAlive, openPoolLab, type PoolLab } from '../../support/pool-lab.js';
import { onBothQueueEngines } from '../../support/queue-engines.js';

onBothQueueEngines('what reaches tasks in child processes', (engine) => {
  let lab: PoolLab;
  before(async () => {
    lab = await openPoolLab(engine);
  });
  after(() => lab.close());
  const reasonsOf = (id: string) =>
    lab.database.query('SELECT pid, reason FROM reasons WHERE task = $1', [id]);
  const open = (id: string) => lab.database.query('INSERT INTO gates VALUES ($1)', [id]);

  it('a revocation fires the signal of the handler, and is confirmed when that stops', async () => {
    const id = await lab.send(endure, 'waits_for_gate');
    const pid = await lab.enduring(id);
    const [answer] = await lab.client.revoke(id, { graceMs: 20_000 });
    assert.equal(answer!.outcome, 'stopping');
    await assert.rejects(lab.client.result(id).get({ timeoutMs: 20_000 }), TaskRevokedError);
    assert.deepEqual(await reasonsOf(id), [{ pid, reason: 'TaskRevoked' }]);
    const task = await lab.task(id);
    assert.deepEqual([task.state, task.error?.code, task.crashes], ['REVOKED', 'revoked', 0]);
  });

  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    it(`terminate with ${signal} ends the child of a handler that spins, and nobody else's`, async () => {
      const spins = await lab.send(endure, 'spins');
      const neighbour = await lab.send(endure, 'waits_for_gate');
      const [pid, other] = [await lab.enduring(spins), await lab.enduring(neighbour)];
      await lab.client.revoke(spins, { terminate: true, signal, graceMs: 100 });
      const task = await lab.finished(spins);
      assert.deepEqual([task.state, task.error?.code], ['REVOKED', 'revoked']);
      assert.deepEqual([task.attempt, task.retries, task.crashes], [1, 0, 0]);
      await eventually('its child is gone', () => !isAlive(pid));
      // While the neighbour holds one of the two places, this needs a child in the other.
      const next = await lab.finished(await lab.send(tell, null));
      assert.ok(![pid, other].includes((next.result as { pid: number }).pid));
      await open(neighbour);
      const kept = await lab.finished(neighbour);
      assert.deepEqual([kept.state, kept.result, kept.crashes], ['SUCCESS', 1, 0]);
      assert.ok(isAlive(other));
    });
  }

  it('time limits of the sender hold in the child', async () => {
    const soft = await lab.send(endure, 'waits_for_gate', { softTimeLimitMs: 50 });
    const stopped = await lab.finished(soft);
    assert.match(stopped.error!.message, /after its time limit of 0\.05 s/);
    assert.equal((await reasonsOf(soft))[0]?.reason, 'SoftTimeLimitExceeded');
    const hard = await lab.finished(await lab.send(endure, 'spins', { hardTimeLimitMs: 200 }));
    assert.deepEqual([hard.state, hard.error?.code, hard.crashes], ['FAILURE', 'time_limit', 0]);
  });

  it('time limits set at run time hold in children that run already', async () => {
    await lab.finished(await lab.send(tell, null));
    const { control } = lab.get(WorkerControl);
    await control.timeLimit('endure', { softMs: 60, hardMs: 10_000 });
    const id = await lab.send(endure, 'waits_for_gate');
    assert.match((await lab.finished(id)).error!.message, /after its time limit of 0\.06 s/);
    assert.equal((await reasonsOf(id))[0]?.reason, 'SoftTimeLimitExceeded');
    await control.timeLimit('endure', { softMs: null, hardMs: null });
    const free = await lab.send(endure, 'waits_for_gate');
    await lab.enduring(free);
    await open(free);
    assert.equal((await lab.finished(free)).state, 'SUCCESS');
  });

  it('a canvas: children end the steps, and start the next ones', async () => {
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
    assert.equal(await sent.get({ timeoutMs: 30_000 }), 120);
    const nodes = await lab.database.query(
      `SELECT state, attempt FROM tasks WHERE canvas_id = $1 AND kind = 'task'`,
      [sent.id],
    );
    assert.equal(nodes.length, 5);
    for (const node of nodes) assert.deepEqual(node, { state: 'SUCCESS', attempt: 1 });
  });
});
