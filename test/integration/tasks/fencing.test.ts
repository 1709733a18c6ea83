import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { completeWith, type TaskContext } from '../../../src/tasks/task-context.js';
import { defineTask } from '../../../src/tasks/task-definition.js';
import { LeaseLost } from '../../../src/tasks/task-errors.js';
import { TaskEndings } from '../../../src/tasks/task-endings.js';
import { HandlesTask } from '../../../src/tasks/task-handler.decorator.js';
import { eventually } from '../../support/eventually.js';
import { onBothQueueEngines } from '../../support/queue-engines.js';
import { openTaskLab, type TaskLab } from '../../support/task-lab.js';

const failure = { code: 'x', message: 'x', retryable: false };

const ledgerOnly = defineTask({
  name: 'ledger_only',
  queue: 'low_priority',
  payload: z.null(),
  result: z.unknown(),
});
const fragile = defineTask({
  name: 'fragile',
  queue: 'low_priority',
  payload: z.null(),
  result: z.unknown(),
  maxCrashes: 3,
});
const held = defineTask({
  name: 'held',
  queue: 'normal_priority',
  payload: z.null(),
  result: z.string(),
});

@Injectable()
class Handlers {
  readonly attempts: TaskContext[] = [];
  readonly finish = new Map<number, () => void>();

  @HandlesTask(ledgerOnly)
  async none() {
    return null;
  }

  @HandlesTask(fragile)
  async fragile() {
    return null;
  }

  @HandlesTask(held)
  async hold(_: null, context: TaskContext) {
    this.attempts.push(context);
    await Promise.race([
      new Promise<void>((resolve) => this.finish.set(context.attempt, resolve)),
      once(context.signal, 'abort'),
    ]);
    return completeWith(async (tx) => {
      await tx.query(`INSERT INTO written VALUES ($1)`, [context.attempt]);
      return `attempt ${context.attempt}`;
    });
  }
}

describe('the ledger', () => {
  let lab: TaskLab;
  before(async () => {
    lab = await openTaskLab('postgres', { providers: [Handlers], serve: [] });
  });
  after(() => lab.close());
  const expireLease = (id: string) =>
    lab.database.query(
      `UPDATE tasks SET lease_until = now() - interval '1 s' WHERE id = $1 AND state = 'STARTED'`,
      [id],
    );
  const claimed = async (id: string) => {
    const claim = await lab.ledger.claim(id, 'a');
    assert.equal(claim.kind, 'claimed');
    return (claim as { task: { id: string; attempt: number } }).task;
  };

  it('gives a task to one of twenty who claim it at once', async () => {
    const id = await lab.send(ledgerOnly, null);
    const claims = await Promise.all(
      Array.from({ length: 20 }, (_, i) => lab.ledger.claim(id, `w${i}`)),
    );
    const kinds = claims.map((claim) => claim.kind).toSorted();
    assert.deepEqual(kinds, ['claimed', ...Array<string>(19).fill('later')]);
  });

  it('lets only the newest attempt write', async () => {
    const id = await lab.send(ledgerOnly, null);
    const first = await claimed(id);
    await expireLease(id);
    const second = await claimed(id);
    assert.deepEqual([first.attempt, second.attempt], [1, 2]);
    assert.equal((await lab.task(id)).crashes, 1);

    assert.equal(await lab.ledger.succeed(first, 'old', null), undefined);
    assert.equal(await lab.ledger.fail(first, failure), undefined);
    assert.equal(await lab.ledger.retry(first, failure, 0), false);
    assert.equal(await lab.ledger.release(first), false);
    assert.deepEqual(await lab.ledger.renew([first]), new Map());
    assert.equal((await lab.task(id)).state, 'STARTED');

    assert.deepEqual(await lab.ledger.renew([second]), new Map([[id, null]]));
    assert.equal((await lab.ledger.succeed(second, 'new', null))?.state, 'SUCCESS');
    assert.equal((await lab.task(id)).result, 'new');
  });

  it('never changes a final state', async () => {
    const id = await lab.send(ledgerOnly, null);
    const fence = await claimed(id);
    await lab.ledger.succeed(fence, 1, null);
    const over = await lab.task(id);
    assert.equal(await lab.ledger.fail(fence, failure), undefined);
    assert.equal(await lab.ledger.retry(fence, failure, 0), false);
    assert.equal(await lab.ledger.release(fence), false);
    assert.deepEqual(await lab.ledger.claim(id, 'b'), { kind: 'over' });
    assert.deepEqual(await lab.task(id), over);
  });

  it('keeps a leased task from others, and says for how long', async () => {
    const id = await lab.send(ledgerOnly, null);
    await claimed(id);
    const claim = await lab.ledger.claim(id, 'b');
    assert.equal(claim.kind, 'later');
    assert.ok('inMs' in claim && claim.inMs > 0 && claim.inMs <= 3_050);
  });

  it('takes a crash back when its process shows that it lives', async () => {
    const id = await lab.send(ledgerOnly, null);
    const first = await claimed(id);
    await expireLease(id);
    await claimed(id);
    assert.equal((await lab.task(id)).crashes, 1);
    for (let i = 0; i < 2; i++) await lab.ledger.survived(first);
    assert.equal((await lab.task(id)).crashes, 0);
  });

  it('runs a task alone from the third death of its process on, and quarantines it at the tenth', async () => {
    const id = await lab.send(ledgerOnly, null);
    for (let crashes = 0; crashes < 10; crashes++) {
      if (crashes >= 3) {
        assert.deepEqual(await lab.ledger.claim(id, 'beside others'), { kind: 'suspect' });
      }
      assert.equal((await lab.ledger.claim(id, 'alone', { alone: crashes >= 3 })).kind, 'claimed');
      assert.equal((await lab.task(id)).crashes, crashes);
      await expireLease(id);
    }
    assert.deepEqual(await lab.ledger.claim(id, 'd'), { kind: 'overdue', because: 'poisoned' });
    assert.equal(await lab.get(TaskEndings).settle(id, 'poisoned'), 'FAILURE');
    const task = await lab.task(id);
    assert.equal(task.error?.code, 'poison_task');
    assert.equal(task.crashes, 10);
  });

  it('the lease of a claim that waited for locks begins when it has them', async () => {
    const id = await lab.send(ledgerOnly, null);
    await lab.database.transaction(async (tx) => {
      await tx.query('SELECT pg_sleep(0.4)');
      assert.ok(await lab.ledger.claimWithin(tx, id, 'a', null));
      const [row] = await tx.query(
        `SELECT lease_until > now() + interval '3.4 s' AS whole FROM tasks WHERE id = $1`,
        [id],
      );
      assert.equal(row.whole, true);
    });
  });

  it('quarantines a task at the third death of its process, when its definition says so', async () => {
    const id = await lab.send(fragile, null);
    for (const crashes of [0, 1, 2]) {
      assert.equal((await lab.ledger.claim(id, 'a', { alone: crashes === 2 })).kind, 'claimed');
      assert.equal((await lab.task(id)).crashes, crashes);
      await expireLease(id);
    }
    assert.deepEqual(await lab.ledger.claim(id, 'd'), { kind: 'overdue', because: 'poisoned' });
    assert.equal(await lab.get(TaskEndings).settle(id, 'poisoned'), 'FAILURE');
    const task = await lab.task(id);
    assert.equal(task.error?.code, 'poison_task');
    assert.equal(task.crashes, 3);
  });

  it('knows nothing of an unknown id', async () => {
    const claim = await lab.ledger.claim('01890000-0000-7000-8000-000000000000', 'a');
    assert.deepEqual(claim, { kind: 'over' });
  });
});

onBothQueueEngines('a lease', (engine) => {
  let lab: TaskLab;
  before(async () => {
    lab = await openTaskLab(engine, {
      providers: [Handlers],
      serve: ['normal_priority'],
      settings: { leaseMs: 300 },
    });
    await lab.database.query('CREATE TABLE written (attempt int)');
  });
  after(() => lab.close());
  const leaseOf = async (id: string): Promise<Date> =>
    (await lab.database.query('SELECT lease_until FROM tasks WHERE id = $1', [id]))[0].lease_until;

  it('is renewed for as long as the handler works', async () => {
    const { attempts, finish } = lab.get(Handlers);
    const id = await lab.send(held, null);
    await lab.reaches(id, 'STARTED');
    const first = await leaseOf(id);
    await eventually('three renewals', async () => {
      return (await leaseOf(id)).getTime() > first.getTime() + 3 * 100;
    });
    finish.get(1)!();
    const task = await lab.finished(id);
    assert.equal(task.state, 'SUCCESS');
    assert.equal(task.attempt, 1);
    assert.equal(attempts.at(-1)!.signal.aborted, false);
  });

  it('that is lost fires the signal, and nothing of that attempt is written', async () => {
    await lab.database.query('DELETE FROM written');
    const { attempts, finish } = lab.get(Handlers);
    const id = await lab.send(held, null);
    const first = await eventually('the first attempt', () =>
      attempts.find((a) => a.taskId === id && a.attempt === 1),
    );
    // What another worker does when this one was silent for a lease.
    await lab.database.query(
      `UPDATE tasks SET attempt = attempt + 1, lease_until = now() + interval '1 s' WHERE id = $1`,
      [id],
    );
    await once(first.signal, 'abort');
    assert.ok(first.signal.reason instanceof LeaseLost);
    // The other worker never ends: the task comes back here once its lease is over.
    await eventually('the third attempt', () =>
      attempts.some((a) => a.taskId === id && a.attempt === 3),
    );
    finish.get(3)!();
    const task = await lab.finished(id);
    assert.equal(task.result, 'attempt 3');
    assert.deepEqual(await lab.database.query('SELECT attempt FROM written'), [{ attempt: 3 }]);
  });
});
