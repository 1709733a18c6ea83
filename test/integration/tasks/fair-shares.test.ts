import { afterEach, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { v4 as uuidv4 } from 'uuid';
import { z } from 'zod';
import { chain, group, s, si } from '../../../src/tasks/canvas/signatures.js';
import { defineTask } from '../../../src/tasks/definitions/task-definition.js';
import { RetryableTaskError } from '../../../src/tasks/definitions/task-errors.js';
import { HandlesTask } from '../../../src/tasks/definitions/task-handler.decorator.js';
import { Dispatcher } from '../../../src/tasks/hints/dispatcher.js';
import { LimitedClaims } from '../../../src/tasks/workers/limited-claims.js';
import { about } from '../../support/about.js';
import { eventually } from '../../support/eventually.js';
import { onBothQueueEngines } from '../../support/on-both-queue-engines.js';
import { openTaskLab, type TaskLab, type TaskLabOptions } from '../../support/task-lab.js';

const share = defineTask({
  name: 'share',
  queue: 'normal_priority',
  payload: z.strictObject({
    owner: z.string(),
    cost: z.number(),
    fails: z.boolean().default(false),
  }),
  result: z.string(),
  retry: { max: 1, delayMs: 50 },
  fairShare: { cost: ({ cost }) => cost },
});
const follow = defineTask({
  name: 'follow',
  queue: 'normal_priority',
  payload: z.strictObject({ owner: z.string() }),
  result: z.string(),
  fairShare: {
    cost: () => {
      throw new Error('never known');
    },
  },
});

@Injectable()
class Shares {
  readonly order: string[] = [];

  @HandlesTask(share)
  async run({ owner, fails }: z.output<typeof share.payload>, { attempt }: { attempt: number }) {
    if (fails && attempt === 1) throw new RetryableTaskError('again', 'Not this time.');
    this.order.push(owner);
    return owner;
  }

  @HandlesTask(follow)
  async follow({ owner }: z.output<typeof follow.payload>) {
    this.order.push(owner);
    return owner;
  }
}

onBothQueueEngines('a fair share', (engine) => {
  const labs: TaskLab[] = [];
  afterEach(async () => {
    for (const lab of labs.splice(0).toReversed()) await lab.close();
  });
  const open = async (options: TaskLabOptions = {}) => {
    const lab = await openTaskLab(engine, { providers: [Shares], serve: [], ...options });
    labs.push(lab);
    return lab;
  };

  const owners: Record<string, string> = {};
  const idOf = (owner: string) => (owners[owner] ??= uuidv4());
  const send = async (
    lab: TaskLab,
    owner: string,
    count: number,
    { cost = 1, priority = 5, fails = false } = {},
  ): Promise<string[]> => {
    const sends = Array.from({ length: count }, () => ({
      payload: { owner, cost, fails },
      options: { ownerId: idOf(owner), priority },
    }));
    const sent = await lab.database.transaction((tx) => lab.client.sendMany(tx, share, sends));
    // It locks the rows for a moment, and a claim skips rows that are locked.
    await lab.get(Dispatcher).idle();
    return sent.map(({ id }) => id);
  };
  /** The owners of the tasks that ran, in the order in which they were started. */
  const started = async (lab: TaskLab): Promise<string[]> => {
    const rows = await lab.database.query(
      `SELECT payload->>'owner' AS owner FROM tasks WHERE started_at IS NOT NULL ORDER BY started_at`,
    );
    return rows.map(({ owner }: { owner: string }) => owner);
  };
  const allOver = (lab: TaskLab) =>
    eventually('all tasks are over', async () => {
      const [{ n }] = await lab.database.query(
        `SELECT count(*)::int AS n FROM tasks WHERE finished_at IS NULL`,
      );
      return n === 0;
    });
  /** Claims and ends the tasks of these hints one after the other, as one worker does. */
  const runHints = async (lab: TaskLab, ids: string[]): Promise<string[]> => {
    const ran: string[] = [];
    for (const id of ids) {
      const claim = await lab.get(LimitedClaims).claim(id, 'a test', false);
      if (claim.kind !== 'claimed') continue;
      ran.push((claim.task.payload as { owner: string }).owner);
      await lab.transitions.succeed(claim.task, 'done', null);
    }
    return ran;
  };

  it('an owner with a long line delays the first task of another by no more than a task or two', async () => {
    const lab = await open({ settings: { workerConcurrency: 1 } });
    await send(lab, 'ann', 300);
    lab.workers.start(['normal_priority']);
    const [first] = await eventually('some of them have run', async () => {
      const done = await started(lab);
      return done.length > 10 && [done.length];
    });
    const before = (await started(lab)).length;
    await send(lab, 'bob', 3);
    await allOver(lab);
    const order = await started(lab);
    const places = order.flatMap((owner, i) => (owner === 'bob' ? [i] : []));
    expect(order.length).toBe(303);
    // Some may start while Bob's are being stored.
    about(`${first} ${before}: ${places.join(' ')}`, () =>
      expect(places[0]! - before).toBeLessThan(20),
    );
    expect(places[2]! - places[0]!).toBeLessThanOrEqual(4);
  });

  it('owners get equal shares by cost, whatever the order and the number of their tasks', async () => {
    const lab = await open({ serve: ['low_priority'] });
    const ids = [
      ...(await send(lab, 'ann', 1_200)),
      ...(await send(lab, 'bob', 400, { cost: 2 })),
      ...(await send(lab, 'cleo', 1_000, { cost: 0.5 })),
    ];
    const ran = await runHints(lab, ids.slice(0, 1_000));
    expect(ran.length).toBe(1_000);
    const cost = (owner: string, each: number) => each * ran.filter((one) => one === owner).length;
    const shares = [cost('ann', 1), cost('bob', 2), cost('cleo', 0.5)];
    const mean = shares.reduce((sum, one) => sum + one) / 3;
    for (const one of shares)
      about(shares, () => expect(Math.abs(one - mean) / mean).toBeLessThan(0.1));
    // At no time does anybody wait for long.
    const gap = (owner: string) =>
      Math.max(
        ...ran
          .flatMap((one, i) => (one === owner ? [i] : []))
          .map((at, n, all) => at - (all[n - 1] ?? -1)),
      );
    expect([gap('ann'), gap('bob'), gap('cleo')].every((most) => most <= 10)).toBe(true);
  });

  it('whoever was alone before is not made to wait for it', async () => {
    const lab = await open({ serve: ['low_priority'] });
    const alone = await send(lab, 'ann', 200);
    await runHints(lab, alone.slice(0, 199));
    // Ann's last one is running: nothing waits.
    const running = await lab.get(LimitedClaims).claim(alone[199]!, 'a test', false);
    expect(running.kind).toBe('claimed');
    const ids = [...(await send(lab, 'bob', 50)), ...(await send(lab, 'ann', 50))];
    const ran = await runHints(lab, ids.slice(0, 40));
    const anns = ran.filter((owner) => owner === 'ann').length;
    about(ran.join(' '), () => expect(Math.abs(anns - 20)).toBeLessThanOrEqual(2));
  });

  it('a newcomer does not overtake for longer than the share', async () => {
    const lab = await open({ serve: ['low_priority'] });
    const anns = await send(lab, 'ann', 300);
    await runHints(lab, anns.slice(0, 150));
    await send(lab, 'bob', 100);
    const ran = await runHints(lab, anns.slice(100, 200));
    const bobs = ran.filter((owner) => owner === 'bob').length;
    about(ran.length, () => expect(Math.abs(bobs - ran.length / 2)).toBeLessThanOrEqual(2));
  });

  it('a more urgent task comes first, whoever owns it', async () => {
    const lab = await open({ serve: ['low_priority'] });
    const ids = [
      ...(await send(lab, 'ann', 20)),
      ...(await send(lab, 'bob', 5, { priority: 8 })),
      ...(await send(lab, 'ann', 5, { priority: 2 })),
    ];
    // A hint whose task has run for another one is spent.
    const ran = [...(await runHints(lab, ids)), ...(await runHints(lab, ids))];
    const rows = await lab.database.query('SELECT priority FROM tasks ORDER BY started_at');
    const priorities = rows.map(({ priority }: { priority: number }) => priority);
    expect(ran.length).toBe(30);
    expect(priorities).toEqual(priorities.toSorted((a: number, b: number) => a - b));
  });

  it('the line survives a wiped queue and new workers', async () => {
    const lab = await open({ settings: { workerConcurrency: 1, reconcileMs: 200 } });
    await send(lab, 'ann', 60);
    await send(lab, 'bob', 60);
    await lab.wipeQueues();
    lab.workers.start(['normal_priority']);
    await eventually('half of them have run', async () => (await started(lab)).length >= 60);
    await lab.wipeQueues();
    await lab.database.query(`UPDATE tasks SET queue_check_at = now() WHERE finished_at IS NULL`);
    await allOver(lab);
    const order = await started(lab);
    const early = order.slice(0, 80).filter((owner) => owner === 'bob').length;
    about(order.join(' '), () => expect(Math.abs(early - 40)).toBeLessThanOrEqual(8));
  });

  it('many workers run each task once, retries included, and leave no hint behind', async () => {
    const first = await open({ settings: { workerConcurrency: 4 } });
    const second = await open({ settings: { workerConcurrency: 4 }, stores: first.stores });
    for (const owner of ['ann', 'bob', 'cleo']) {
      await send(first, owner, 40);
      await send(first, owner, 10, { fails: true });
    }
    first.workers.start(['normal_priority']);
    second.workers.start(['normal_priority']);
    await allOver(first);
    const ran = [...first.get(Shares).order, ...second.get(Shares).order];
    expect(ran.length).toBe(150);
    const rows = await first.database.query(
      `SELECT state, attempt, (payload->>'fails')::boolean AS fails, count(*)::int AS n FROM tasks
        GROUP BY 1, 2, 3 ORDER BY 3`,
    );
    expect(rows).toEqual([
      { state: 'SUCCESS', attempt: 1, fails: false, n: 120 },
      { state: 'SUCCESS', attempt: 2, fails: true, n: 30 },
    ]);
    await eventually('no hint is left', async () => {
      const counts = await first.hints
        .of('normal_priority')
        .getJobCounts('waiting', 'prioritized', 'delayed', 'active');
      return Object.values(counts).every((n) => n === 0);
    });
  });

  it('a task whose worker has died is not overtaken for ever', async () => {
    const lab = await open({ serve: ['low_priority'] });
    const [orphan] = await send(lab, 'ann', 1);
    const claim = await lab.get(LimitedClaims).claim(orphan!, 'a test', false);
    expect(claim.kind).toBe('claimed');
    await send(lab, 'bob', 20);
    await lab.database.query(
      `UPDATE tasks SET lease_until = now() - interval '1 s' WHERE id = $1`,
      [orphan],
    );
    expect(await runHints(lab, [orphan!])).toEqual(['ann']);
  });

  it('tasks without an owner, and those in a canvas, run as well', async () => {
    const lab = await open();
    const payload = { owner: 'nobody', cost: 1 };
    const alone = await lab.send(share, payload);
    const together = await lab.client.sendCanvas(
      lab.database.manager,
      chain(group(si(share, payload), si(share, payload)), si(follow, { owner: 'x' })),
      { ownerId: idOf('ann') },
    );
    const passed = await lab.client.sendCanvas(
      lab.database.manager,
      chain(si(share, payload), s(follow, 'owner', {})),
      { ownerId: idOf('ann') },
    );
    lab.workers.start(['normal_priority']);
    for (const id of [alone, together.id, passed.id]) {
      expect((await lab.finished(id)).state).toBe('SUCCESS');
    }
  });
});
