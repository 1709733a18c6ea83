import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { atTestEnd } from '../../support/at-test-end.js';
import { about } from '../../support/about.js';
import { Injectable, Logger } from '@nestjs/common';
import { z } from 'zod';
import { completeWith, type TaskContext } from '../../../src/tasks/definitions/task-context.js';
import { defineTask } from '../../../src/tasks/definitions/task-definition.js';
import { LeaseLost } from '../../../src/tasks/definitions/task-errors.js';
import { TaskEndings } from '../../../src/tasks/ending/task-endings.js';
import { HandlesTask } from '../../../src/tasks/definitions/task-handler.decorator.js';
import { eventually } from '../../support/eventually.js';
import { onBothQueueEngines } from '../../support/on-both-queue-engines.js';
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
  beforeAll(async () => {
    lab = await openTaskLab('postgres', { providers: [Handlers], serve: [] });
  });
  afterAll(() => lab.close());
  async function isQuarantined(id: string, crashes: number): Promise<void> {
    expect(await lab.claims.claim(id, 'd')).toEqual({ kind: 'overdue', because: 'poisoned' });
    expect(await lab.get(TaskEndings).settle(id, 'poisoned')).toBe('FAILURE');
    const task = await lab.task(id);
    expect(task.error?.code).toBe('poison_task');
    expect(task.crashes).toBe(crashes);
  }
  const expireLease = (id: string) =>
    lab.database.query(
      `UPDATE tasks SET lease_until = now() - interval '1 s' WHERE id = $1 AND state = 'STARTED'`,
      [id],
    );
  const claimed = async (id: string) => {
    const claim = await lab.claims.claim(id, 'a');
    expect(claim.kind).toBe('claimed');
    return (claim as { task: { id: string; attempt: number } }).task;
  };

  it('gives a task to one of twenty who claim it at once', async () => {
    const id = await lab.send(ledgerOnly, null);
    const claims = await Promise.all(
      Array.from({ length: 20 }, (_, i) => lab.claims.claim(id, `w${i}`)),
    );
    const kinds = claims.map((claim) => claim.kind).toSorted();
    expect(kinds).toEqual(['claimed', ...Array<string>(19).fill('later')]);
  });

  it('lets only the newest attempt write', async () => {
    const id = await lab.send(ledgerOnly, null);
    const first = await claimed(id);
    await expireLease(id);
    const second = await claimed(id);
    expect([first.attempt, second.attempt]).toEqual([1, 2]);
    expect((await lab.task(id)).crashes).toBe(1);

    expect(await lab.transitions.succeed(first, 'old', null)).toBe(undefined);
    expect(await lab.transitions.fail(first, failure)).toBe(undefined);
    expect(await lab.transitions.retry(first, failure, 0)).toBe(false);
    expect(await lab.transitions.release(first)).toBe(false);
    expect(await lab.transitions.snooze({ ...first, wakes: 0 }, failure, 0, 60_000)).toBe('lost');
    await lab.transitions.progress(first, { percent: 1 });
    expect(await lab.leases.renew([first])).toEqual(new Map());
    const { state, progress } = await lab.task(id);
    expect([state, progress]).toEqual(['STARTED', null]);
    await lab.transitions.progress(second, { percent: 2 });
    expect((await lab.task(id)).progress).toEqual({ percent: 2 });

    expect(await lab.leases.renew([second])).toEqual(new Map([[id, null]]));
    expect((await lab.transitions.succeed(second, 'new', null))?.state).toBe('SUCCESS');
    expect((await lab.task(id)).result).toBe('new');
  });

  it('never changes a final state', async () => {
    const id = await lab.send(ledgerOnly, null);
    const fence = await claimed(id);
    await lab.transitions.succeed(fence, 1, null);
    const over = await lab.task(id);
    expect(await lab.transitions.fail(fence, failure)).toBe(undefined);
    expect(await lab.transitions.retry(fence, failure, 0)).toBe(false);
    expect(await lab.transitions.release(fence)).toBe(false);
    expect(await lab.claims.claim(id, 'b')).toEqual({ kind: 'over' });
    expect(await lab.task(id)).toEqual(over);
  });

  it('keeps a leased task from other workers, and says for how long', async () => {
    const id = await lab.send(ledgerOnly, null);
    await claimed(id);
    const claim = await lab.claims.claim(id, 'b');
    expect(claim.kind).toBe('later');
    expect('inMs' in claim && claim.inMs > 0 && claim.inMs <= 15_050).toBe(true);
  });

  it('takes a crash off the count when the process turns out to be alive', async () => {
    const id = await lab.send(ledgerOnly, null);
    const first = await claimed(id);
    await expireLease(id);
    await claimed(id);
    expect((await lab.task(id)).crashes).toBe(1);
    for (let i = 0; i < 2; i++) await lab.leases.survived(first);
    expect((await lab.task(id)).crashes).toBe(0);
  });

  it('runs a task alone after the third death of its process, and quarantines it at the tenth', async () => {
    const id = await lab.send(ledgerOnly, null);
    for (let crashes = 0; crashes < 10; crashes++) {
      if (crashes >= 3) {
        expect(await lab.claims.claim(id, 'beside others')).toEqual({ kind: 'suspect' });
      }
      expect((await lab.claims.claim(id, 'alone', { alone: crashes >= 3 })).kind).toBe('claimed');
      expect((await lab.task(id)).crashes).toBe(crashes);
      await expireLease(id);
    }
    await isQuarantined(id, 10);
  });

  it('starts the lease of a claim that waited for locks when it has them', async () => {
    const id = await lab.send(ledgerOnly, null);
    await lab.database.transaction(async (tx) => {
      await tx.query('SELECT pg_sleep(0.4)');
      expect(await lab.claims.claimWithin(tx, id, 'a', null)).toBeTruthy();
      const [row] = await tx.query(
        `SELECT lease_until > now() + interval '15.4 s' AS whole FROM tasks WHERE id = $1`,
        [id],
      );
      expect(row.whole).toBe(true);
    });
  });

  it('quarantines a task at the third death of its process if its definition says so', async () => {
    const id = await lab.send(fragile, null);
    for (const crashes of [0, 1, 2]) {
      if (crashes === 2) {
        expect(await lab.claims.claim(id, 'beside others')).toEqual({ kind: 'suspect' });
      }
      expect((await lab.claims.claim(id, 'a', { alone: crashes === 2 })).kind).toBe('claimed');
      expect((await lab.task(id)).crashes).toBe(crashes);
      await expireLease(id);
    }
    await isQuarantined(id, 3);
  });

  it('does not know an unknown id', async () => {
    const claim = await lab.claims.claim('01890000-0000-7000-8000-000000000000', 'a');
    expect(claim).toEqual({ kind: 'over' });
  });
});

onBothQueueEngines('a lease', (engine) => {
  let lab: TaskLab;
  beforeAll(async () => {
    lab = await openTaskLab(engine, {
      providers: [Handlers],
      serve: ['normal_priority'],
      settings: { leaseMs: 3_000 },
    });
    await lab.database.query('CREATE TABLE written (attempt int)');
  });
  afterAll(() => lab.close());
  const leaseOf = async (id: string): Promise<Date> =>
    (await lab.database.query('SELECT lease_until FROM tasks WHERE id = $1', [id]))[0].lease_until;

  it('is renewed for as long as the handler works', async () => {
    const { attempts, finish } = lab.get(Handlers);
    const id = await lab.send(held, null);
    await lab.reaches(id, 'STARTED');
    const first = await leaseOf(id);
    await eventually('two renewals', async () => {
      return (await leaseOf(id)).getTime() > first.getTime() + 2_000;
    });
    finish.get(1)!();
    const task = await lab.finished(id);
    expect(task.state).toBe('SUCCESS');
    expect(task.attempt).toBe(1);
    expect(attempts.at(-1)!.signal.aborted).toBe(false);
  });

  it('fires the signal when it is lost, and nothing of that attempt is written', async () => {
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
    expect(first.signal.reason).toBeInstanceOf(LeaseLost);
    // The other worker never ends: the task comes back here once its lease is over.
    await eventually('the third attempt', () =>
      attempts.some((a) => a.taskId === id && a.attempt === 3),
    );
    finish.get(3)!();
    const task = await lab.finished(id);
    expect(task.result).toBe('attempt 3');
    expect(await lab.database.query('SELECT attempt FROM written')).toEqual([{ attempt: 3 }]);
  });

  it('makes the log of a dropped result name another worker if and only if there is one', async () => {
    const lines: string[] = [];
    Logger.overrideLogger({
      log: () => {},
      error: () => {},
      warn: (line: string) => lines.push(line),
    });
    atTestEnd(() => Logger.overrideLogger(false));
    const { attempts, finish } = lab.get(Handlers);
    const becomes = {
      given: `state = 'PENDING', lease_until = NULL, run_at = now() + interval '1 hour'`,
      over: `state = 'REVOKED', lease_until = NULL, finished_at = now()`,
      taken: `attempt = attempt + 1, worker = 'another', lease_until = now() + interval '1 hour'`,
    };
    for (const [how, change] of Object.entries(becomes)) {
      const id = await lab.send(held, null);
      await eventually('it runs', () => attempts.some((attempt) => attempt.taskId === id));
      await lab.database.query(`UPDATE tasks SET ${change} WHERE id = $1`, [id]);
      finish.get(1)!();
      const line = await eventually('it is told', () =>
        lines.find((text) => text.includes(id) && text.includes('result dropped')),
      );
      about(line, () =>
        expect(line.includes('another worker has it (another)')).toBe(how === 'taken'),
      );
      about(line, () =>
        expect(line.includes('it was given back or has ended')).toBe(how !== 'taken'),
      );
    }
  });
});
