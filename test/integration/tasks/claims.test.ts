import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Injectable, Logger } from '@nestjs/common';
import { z } from 'zod';
import { chain, map, si } from '../../../src/tasks/canvas/signatures.js';
import { defineTask } from '../../../src/tasks/definitions/task-definition.js';
import { HandlesTask } from '../../../src/tasks/definitions/task-handler.decorator.js';
import { Dispatcher } from '../../../src/tasks/hints/dispatcher.js';
import type { ClaimedTask } from '../../../src/tasks/ledger/ledger-rows.js';
import { TaskHints } from '../../../src/tasks/hints/task-hints.js';
import { ConcurrencyLimits } from '../../../src/tasks/limits/concurrency-limits.js';
import { TaskLimits } from '../../../src/tasks/limits/task-limits.js';
import { LimitedClaims } from '../../../src/tasks/workers/limited-claims.js';
import { TaskGates } from '../../../src/tasks/workers/task-gates.js';
import { atTestEnd } from '../../support/at-test-end.js';
import { eventually } from '../../support/eventually.js';
import { openTaskLab, type TaskLab } from '../../support/task-lab.js';

const shapes = { queue: 'normal_priority', payload: z.string(), result: z.null() } as const;
const plain = defineTask({ name: 'claims_plain', ...shapes });
const fragile = defineTask({ name: 'claims_fragile', ...shapes, maxCrashes: 1 });
const counted = defineTask({
  name: 'claims_counted',
  ...shapes,
  concurrencyLimit: {
    limit: 1,
    key: (text) => {
      if (text === 'no key') throw new Error('no key');
      return text;
    },
  },
});
const rated = defineTask({
  name: 'claims_rated',
  ...shapes,
  rateLimit: { limit: 1, perMs: 3_600_000, key: (text) => text },
});
const both = defineTask({
  name: 'claims_both',
  ...shapes,
  concurrencyLimit: { limit: 2 },
  rateLimit: { limit: 1, perMs: 3_600_000 },
});
const shared = defineTask({ name: 'claims_shared', ...shapes, fairShare: { cost: () => 1 } });

@Injectable()
class Handlers {
  @HandlesTask(plain)
  async plain() {
    return null;
  }

  @HandlesTask(fragile)
  async fragile() {
    return null;
  }

  @HandlesTask(counted)
  async counted() {
    return null;
  }

  @HandlesTask(rated)
  async rated() {
    return null;
  }

  @HandlesTask(both)
  async both() {
    return null;
  }

  @HandlesTask(shared)
  async shared() {
    return null;
  }
}

describe('a claim', () => {
  let lab: TaskLab;
  let claims: LimitedClaims;
  beforeAll(async () => {
    // A queue that none of these tasks is in: the worker has its handlers, and only the test claims.
    lab = await openTaskLab('postgres', { providers: [Handlers], serve: ['low_priority'] });
    claims = lab.get(LimitedClaims);
  });
  afterAll(() => lab.close());
  beforeEach(() => lab.database.query('DELETE FROM tasks'));

  const send: TaskLab['send'] = async (...given) => {
    const id = await lab.send(...given);
    // It locks the row for a moment, and the claim of a shared task skips rows that are locked.
    await lab.get(Dispatcher).idle();
    return id;
  };
  const change = (id: string, set: string) =>
    lab.database.query(`UPDATE tasks SET ${set} WHERE id = $1`, [id]);
  const claim = (id: string) => claims.claim(id, 'a test', false);
  const claimed = async (id: string): Promise<ClaimedTask> => {
    const made = await claim(id);
    expect(made.kind).toBe('claimed');
    return (made as { task: ClaimedTask }).task;
  };
  const waitOf = async (id: string): Promise<number> => {
    const later = await claim(id);
    expect(later.kind).toBe('later');
    return (later as { inMs: number }).inMs;
  };
  const end = (task: ClaimedTask) => lab.transitions.succeed(task, null, null);
  /** The next call does its work, and its answer is lost. */
  const loseAnswerOf = (method: 'query' | 'transaction') => {
    const { database } = lab;
    const real = database[method].bind(database) as (...given: unknown[]) => Promise<unknown>;
    const lose = jest
      .spyOn(database, method as 'query')
      .mockImplementationOnce(async (...given) => {
        await real(...given);
        throw Object.assign(new Error('gone'), { code: 'ECONNRESET' });
      });
    atTestEnd(() => lose.mockRestore());
  };

  for (const definition of [plain, counted]) {
    it(`of ${definition.name} that is due later says when`, async () => {
      const id = await send(definition, 'x', { delayMs: 60_000 });
      const { runAt } = await lab.task(id);
      const inMs = await waitOf(id);
      expect(inMs).toBeLessThanOrEqual(60_051);
      // The next look is not before its time.
      expect(Date.now() + inMs).toBeGreaterThanOrEqual(runAt.getTime());
      await change(id, `run_at = now()`);
      await claimed(id);
    });
  }

  it('finds nothing to do for a task that is over, and for one whose turn has not come', async () => {
    const id = await send(plain, 'x');
    await end(await claimed(id));
    expect(await claim(id)).toEqual({ kind: 'over' });
    await lab.sendCanvas(chain(si(plain, 'a'), si(plain, 'b')));
    const [{ id: blocked }] = await lab.database.query(
      'SELECT id FROM tasks WHERE blocked AND position = 1',
    );
    expect(await claim(blocked)).toEqual({ kind: 'over' });
  });

  it('leaves the task of another release to it, and says so once', async () => {
    const lines: string[] = [];
    Logger.overrideLogger({ log() {}, error() {}, warn: (line: string) => lines.push(line) });
    atTestEnd(() => Logger.overrideLogger(false));
    for (const [what, payload] of Object.entries({ new: 'a', newer: 'b', new2: 'c' })) {
      const id = await send(plain, payload);
      await change(id, `name = '${what.replace('2', '')}'`);
      const inMs = await waitOf(id);
      expect(inMs >= 3_750 && inMs <= 6_250).toBe(true);
      expect((await lab.task(id)).state).toBe('PENDING');
      // One that is not due has another reason to wait.
      await change(id, `run_at = now() + interval '1 hour'`);
      expect(await waitOf(id)).toBeGreaterThan(3_000_000);
    }
    expect(lines.map((line) => /"(.*)"/.exec(line)?.[1])).toEqual(['new', 'newer']);
  });

  it('names the reason why a task must not run any more', async () => {
    const id = await send(plain, 'x');
    await change(id, `expires_at = now()`);
    expect(await claim(id)).toEqual({ kind: 'overdue', because: 'expired' });
    await change(id, `expires_at = NULL, revoke_requested_at = now()`);
    expect(await claim(id)).toEqual({ kind: 'overdue', because: 'revoked' });
    await change(id, `revoke_requested_at = NULL`);
    await claimed(id);
    // While it runs, its worker is the one to end it.
    for (const set of [`expires_at = now()`, `revoke_requested_at = now()`]) {
      await change(id, set);
      expect(await waitOf(id)).toBeGreaterThan(5_000);
    }
    await change(id, `lease_until = now() - interval '1 s'`);
    expect(await claim(id)).toEqual({ kind: 'overdue', because: 'revoked' });
    await change(id, `revoke_requested_at = NULL, crashes = 99`);
    expect(await claim(id)).toEqual({ kind: 'overdue', because: 'poisoned' });
  });

  it('of a task that may not crash at all needs no process of its own', async () => {
    const id = await send(fragile, 'x');
    await claimed(id);
    await change(id, `lease_until = now() - interval '1 s'`);
    expect(await claim(id)).toEqual({ kind: 'overdue', because: 'poisoned' });
  });

  it('asks for a process of its own first, then for limits', async () => {
    const id = await send(counted, 'x');
    await change(id, `crashes = 3`);
    expect(await claim(id)).toEqual({ kind: 'suspect' });
    const limited = [counted.name];
    const alone = await lab.claims.claim(id, 'a test', { limited, alone: true });
    expect(alone).toMatchObject({
      kind: 'limited',
      task: { id, name: counted.name, payload: 'x' },
    });
    const beside = await lab.database.transaction((tx) =>
      lab.claims.claimWithin(tx, id, 'a test', null),
    );
    expect(beside).toBe(undefined);
    expect((await claims.claim(id, 'a test', true)).kind).toBe('claimed');
  });

  for (const [definition, method] of [
    [plain, 'query'],
    [both, 'transaction'],
    [shared, 'transaction'],
  ] as const) {
    it(`of ${definition.name} whose answer was lost is found again, not made again`, async () => {
      const ownerId = '0198f7d2-0000-7000-8000-000000000001';
      const id = await send(definition, 'x', { ownerId });
      await lab.database.query('DELETE FROM task_rates');
      loseAnswerOf(method);
      const task = await claimed(id);
      expect([task.id, task.attempt]).toEqual([id, 1]);
      const { attempt, crashes } = await lab.task(id);
      expect([attempt, crashes]).toEqual([1, 0]);
    });
  }

  it('is taken for one whose answer was lost only while this process has the task', async () => {
    const id = await send(plain, 'x');
    const unheard = () => lab.claims.unheardClaim(lab.database.manager, id);
    expect(await unheard()).toBe(undefined);
    await claimed(id);
    expect((await unheard())?.attempt).toBe(1);
    await change(id, `lease_until = now() - interval '1 s'`);
    expect(await unheard()).toBe(undefined);
    await change(id, `lease_until = now() + interval '1 hour', process = 'another'`);
    expect(await unheard()).toBe(undefined);
  });

  it('counts running tasks by key, and takes the next when one has ended', async () => {
    const [first, second, other] = [
      await send(counted, 'a'),
      await send(counted, 'a'),
      await send(counted, 'b'),
    ];
    const running = await claimed(first);
    expect(running.concurrencyKey).toBe('a');
    expect(await waitOf(second)).toBeLessThan(1_000);
    expect((await lab.task(second)).concurrencyKey).toBe('a');
    expect((await claimed(other)).concurrencyKey).toBe('b');
    await end(running);
    await claimed(second);
  });

  it('counts a task without a usable key under the empty one: its attempt will tell', async () => {
    const noKey = await send(counted, 'no key');
    expect((await claimed(noKey)).concurrencyKey).toBe('');
    const broken = await send(counted, 'x');
    await change(broken, `payload = '5'`);
    expect(await waitOf(broken)).toBeLessThan(1_000);
    expect((await lab.task(broken)).concurrencyKey).toBe('');
  });

  it('counts a map by its first payload', async () => {
    const id = await lab.sendCanvas(map(counted, ['a', 'b']));
    expect((await claimed(id)).concurrencyKey).toBe('a');
    await waitOf(await send(counted, 'a'));
  });

  it('counts starts by key, and not those that were refused', async () => {
    await claimed(await send(rated, 'a'));
    expect(await waitOf(await send(rated, 'a'))).toBeGreaterThan(20_000);
    expect((await claimed(await send(rated, 'b'))).concurrencyKey).toBe(null);
  });

  it('needs a place and a turn when its task has both limits', async () => {
    await lab.database.query('DELETE FROM task_rates');
    const [first, second] = [await send(both, 'x'), await send(both, 'x')];
    await claimed(first);
    // There is a place, but no turn.
    expect(await waitOf(second)).toBeGreaterThan(20_000);
    await lab.database.query('DELETE FROM task_rates');
    expect((await claimed(second)).concurrencyKey).toBe('');
    await lab.database.query('DELETE FROM task_rates');
    // There is a turn, but no place.
    expect(await waitOf(await send(both, 'x'))).toBeLessThan(1_000);
    const [{ n }] = await lab.database.query('SELECT count(*)::int AS n FROM task_rates');
    expect(n).toBe(0);
  });

  it('keeps to a rate that was set while the program runs', async () => {
    const limits = lab.get(TaskLimits);
    await limits.setRate(plain.name, { limit: 1, perMs: 3_600_000 });
    await limits.load();
    await claimed(await send(plain, 'a'));
    // The definition has no key: all of its tasks count together.
    expect(await waitOf(await send(plain, 'b'))).toBeGreaterThan(20_000);
    await limits.setRate(plain.name, null);
    await limits.load();
    await claimed(await send(plain, 'b'));
  });

  it('stops at a shut gate, for tasks with limits too', async () => {
    const gates = lab.get(TaskGates, { strict: false });
    for (const definition of [plain, counted]) {
      const id = await send(definition, 'x');
      const gate = gates.of(definition);
      gate.shut('test');
      expect(await claim(id)).toEqual({ kind: 'held', gate });
      expect((await lab.task(id)).attempt).toBe(0);
      gate.open('test');
      await claimed(id);
    }
  });

  it('looks again soon when somebody else has just taken the task', async () => {
    const [id, other] = [await send(shared, 'a'), await send(counted, 'b')];
    await lab.database.transaction(async (tx) => {
      await tx.query('SELECT FROM tasks WHERE id = $1 FOR UPDATE', [id]);
      // Half a second and a bit, so that not all look at once.
      expect(await waitOf(id)).toBeGreaterThanOrEqual(375);
      expect(await waitOf(id)).toBeLessThanOrEqual(625);
    });
    const free = await send(plain, 'c');
    // Somebody had it and has given it back.
    const taken = jest.spyOn(lab.database, 'query').mockResolvedValueOnce([[], 0]);
    atTestEnd(() => taken.mockRestore());
    expect(await claim(free)).toEqual({ kind: 'later', inMs: 50 });
    // Between the look at its limits and the claim, the task is revoked.
    const made = jest
      .spyOn(lab.claims, 'claimWithin')
      .mockImplementationOnce(async () => undefined);
    atTestEnd(() => made.mockRestore());
    expect(await waitOf(other)).toBe(1_000);
  });

  describe('and the hints of others', () => {
    const hints = () => lab.get(TaskHints);
    const removed = () => spied('remove');
    const added = () => spied('add');
    const woken = () => spied('promote');
    function spied(method: 'remove' | 'add' | 'promote') {
      const spy = jest.spyOn(hints(), method);
      atTestEnd(() => spy.mockRestore());
      return spy;
    }
    const twoInLine = async () => {
      const ownerId = '0198f7d2-0000-7000-8000-000000000001';
      return [await send(shared, 'a', { ownerId }), await send(shared, 'b', { ownerId })] as const;
    };
    const over = { kind: 'over', state: 'SUCCESS' } as const;
    const later = { kind: 'later', inMs: 5 } as const;

    it('removes the hint of the task that it starts in place of the asked one', async () => {
      const [first, asked] = await twoInLine();
      const remove = removed();
      const task = await claimed(asked);
      expect(task.id).toBe(first);
      expect(remove.mock.calls).toEqual([['normal_priority', [first]]]);
      await end(task);
      // Its own hint is the one in the worker's hands.
      await claimed(asked);
      expect(remove).toHaveBeenCalledTimes(1);
    });

    it('removes none when nothing could start', async () => {
      const remove = removed();
      const id = await send(shared, 'a', { delayMs: 60_000 });
      expect(await waitOf(id)).toBeGreaterThan(0);
      expect((await claim(await send(counted, 'x'))).kind).toBe('claimed');
      expect(remove).not.toHaveBeenCalled();
    });

    it('puts back the hint that was used, and adds one for a task that has to run again', async () => {
      const [first, asked] = await twoInLine();
      const task = await claimed(asked);
      const add = added();
      expect(await claims.hintAfter(first, task, later)).toBe(later);
      expect(await claims.hintAfter(first, task, over)).toBe(over);
      expect(await claims.hintAfter(asked, task, over)).toEqual({ kind: 'later', inMs: 0 });
      expect(add).not.toHaveBeenCalled();
      expect(await claims.hintAfter(asked, task, later)).toEqual({ kind: 'later', inMs: 0 });
      expect(add.mock.calls).toEqual([
        ['normal_priority', [expect.objectContaining({ taskId: first, name: shared.name })]],
      ]);
      // One that is over meanwhile needs no hint.
      await end(task);
      await claims.hintAfter(asked, task, later);
      expect(add).toHaveBeenCalledTimes(1);
    });

    it('wakes the next task of the key when an attempt has ended, and none of another key', async () => {
      const [first, second, other] = [
        await send(counted, 'a'),
        await send(counted, 'a'),
        await send(counted, 'b'),
      ];
      const running = await claimed(first);
      await waitOf(second);
      await change(second, 'run_at = now()');
      await claimed(other);
      const wake = woken();
      // A place that is still taken wakes nobody.
      claims.released(running, over);
      await end(running);
      claims.released(running, over);
      await eventually('the next is woken', () => wake.mock.calls.length > 0);
      expect(wake.mock.calls).toEqual([['normal_priority', second]]);
    });

    it('asks for nobody to wake when the ended task had no key, or no handler here', async () => {
      const wakeNext = jest.spyOn(lab.get(ConcurrencyLimits), 'wakeNext');
      atTestEnd(() => wakeNext.mockRestore());
      const task = await claimed(await send(plain, 'x'));
      claims.released(task, over);
      claims.released({ ...task, concurrencyKey: 'a' }, over);
      claims.released({ ...task, name: 'of another release', concurrencyKey: 'a' }, undefined);
      expect(wakeNext).not.toHaveBeenCalled();
      claims.released({ ...task, name: counted.name, concurrencyKey: '' }, undefined);
      expect(wakeNext.mock.calls).toEqual([[counted.name, '', 1]]);
    });

    it('tells the gate of a snooze, and of nothing else', async () => {
      const gate = lab.get(TaskGates, { strict: false }).of(plain);
      const snoozed = jest.fn();
      gate.onSnooze(snoozed);
      atTestEnd(() => gate.onSnooze(() => {}));
      const task = await claimed(await send(plain, 'x'));
      for (const outcome of [over, later, undefined]) claims.released(task, outcome);
      expect(snoozed).not.toHaveBeenCalled();
      claims.released(task, { ...later, snoozed: true });
      // A definition without a gate has nobody to tell.
      claims.released({ ...task, name: fragile.name }, { ...later, snoozed: true });
      expect(snoozed).toHaveBeenCalledTimes(1);
    });
  });
});
