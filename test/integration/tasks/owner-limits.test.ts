import { afterEach, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { setTimeout as delay } from 'node:timers/promises';
import { v4 as uuidv4 } from 'uuid';
import { z } from 'zod';
import { chain, si } from '../../../src/tasks/canvas/signatures.js';
import { defineTask } from '../../../src/tasks/definitions/task-definition.js';
import { HandlesTask } from '../../../src/tasks/definitions/task-handler.decorator.js';
import type { ClaimedTask } from '../../../src/tasks/ledger/ledger-rows.js';
import { OwnerLimits } from '../../../src/tasks/limits/owner-limits.js';
import { LimitedClaims } from '../../../src/tasks/workers/limited-claims.js';
import { about } from '../../support/about.js';
import { eventually } from '../../support/eventually.js';
import { onBothQueueEngines } from '../../support/on-both-queue-engines.js';
import { openTaskLab, type TaskLab, type TaskLabOptions } from '../../support/task-lab.js';

const paint = defineTask({
  name: 'paint',
  queue: 'normal_priority',
  payload: z.strictObject({ owner: z.string() }),
  result: z.string(),
  fairShare: { cost: () => 1 },
});

/** In all labs of this process. */
const running = new Map<string, number>();
const most = new Map<string, number>();
/** Tasks end once it does. */
let gate: Promise<unknown> = Promise.resolve();

@Injectable()
class Painters {
  @HandlesTask(paint)
  async paint({ owner }: z.output<typeof paint.payload>) {
    const now = (running.get(owner) ?? 0) + 1;
    running.set(owner, now);
    most.set(owner, Math.max(most.get(owner) ?? 0, now));
    await gate;
    await delay(10);
    running.set(owner, running.get(owner)! - 1);
    return owner;
  }
}

onBothQueueEngines('the limit of an owner', (engine) => {
  const labs: TaskLab[] = [];
  afterEach(async () => {
    for (const lab of labs.splice(0).toReversed()) await lab.close();
    most.clear();
  });
  const openLab = async (options: TaskLabOptions = {}) => {
    const lab = await openTaskLab(engine, { providers: [Painters], serve: [], ...options });
    labs.push(lab);
    return lab;
  };
  /** Claims are called by the test. */
  const quiet = () => openLab({ serve: ['low_priority'] });

  const owners: Record<string, string> = {};
  const idOf = (owner: string) => (owners[owner] ??= uuidv4());
  const send = async (lab: TaskLab, owner: string, count: number, ownerLimit?: number) => {
    const options = { ownerId: idOf(owner), ...(ownerLimit !== undefined && { ownerLimit }) };
    const sends = Array.from({ length: count }, () => ({ payload: { owner }, options }));
    const sent = await lab.database.transaction((tx) => lab.client.sendMany(tx, paint, sends));
    return sent.map(({ id }) => id);
  };
  const claim = async (lab: TaskLab, id: string): Promise<ClaimedTask | undefined> => {
    const decided = await lab.get(LimitedClaims).claim(id, 'a test', false);
    return decided.kind === 'claimed' ? decided.task : undefined;
  };
  /** A claim that must be had: the row may be locked for a moment while its hint is written down. */
  const start = async (lab: TaskLab, id: string): Promise<ClaimedTask> => {
    let task: ClaimedTask | undefined;
    await eventually(
      'the task is claimed',
      async () => (task = await claim(lab, id)) !== undefined,
    );
    return task!;
  };
  const end = (lab: TaskLab, task: ClaimedTask) => lab.transitions.succeed(task, 'done', null);
  const ownerOf = (task: ClaimedTask | undefined) => (task?.payload as { owner: string })?.owner;

  it('holds in all workers together, and every task runs', async () => {
    const settings = { workerConcurrency: 8 };
    const first = await openLab({ settings });
    const second = await openLab({ settings, stores: first.stores });
    await send(first, 'ann', 20, 2);
    await send(first, 'bob', 20, 3);
    await send(first, 'cleo', 20);
    let open = () => {};
    gate = new Promise<void>((resolve) => (open = resolve));
    for (const lab of [first, second]) lab.workers.start(['normal_priority']);
    await eventually(
      'all places are taken',
      () => running.get('ann') === 2 && running.get('bob') === 3 && running.get('cleo') === 11,
    );
    open();
    await eventually('all tasks are over', async () => {
      const [{ n }] = await first.database.query(
        `SELECT count(*)::int AS n FROM tasks WHERE state <> 'SUCCESS'`,
      );
      return n === 0;
    });
    expect(most.get('ann')).toBe(2);
    expect(most.get('bob')).toBe(3);
  });

  it('is exact when many claims come at once (security 12)', async () => {
    const lab = await quiet();
    const ids = await send(lab, 'ann', 30, 3);
    const claims = await Promise.all(ids.map((id) => claim(lab, id)));
    const claimed = claims.filter((task) => task !== undefined);
    // Claims that met each other may have been put off for a moment.
    for (const id of ids)
      claimed.push(...[await claim(lab, id)].filter((task) => task !== undefined));
    expect(claimed.length).toBe(3);
    await end(lab, claimed[0]!);
    const next = await Promise.all(ids.map((id) => claim(lab, id)));
    const more = [...next, await claim(lab, ids.at(-1)!)].filter((task) => task !== undefined);
    expect(more.length).toBe(1);
  });

  it('an owner at the limit holds nobody up', async () => {
    const lab = await quiet();
    const anns = await send(lab, 'ann', 50, 1);
    expect(ownerOf(await start(lab, anns[0]!))).toBe('ann');
    expect(await claim(lab, anns[1]!)).toBeUndefined();
    await send(lab, 'bob', 2);
    const ran = [
      await claim(lab, anns[1]!),
      await claim(lab, anns[2]!),
      await claim(lab, anns[3]!),
    ];
    expect(ran.map(ownerOf)).toEqual(['bob', 'bob', undefined]);
  });

  it('nobody who comes later starts where an owner at the limit was left behind', async () => {
    const lab = await quiet();
    const anns = await send(lab, 'ann', 50, 1);
    await start(lab, anns[0]!);
    const run = async (count: number, hints: string[]) => {
      const ran: string[] = [];
      for (const id of hints) {
        if (ran.length === count) break;
        const task = await claim(lab, id);
        if (!task) continue;
        ran.push(ownerOf(task));
        await end(lab, task);
      }
      return ran;
    };
    const bobs = await send(lab, 'bob', 60);
    expect(await run(30, bobs)).toEqual(Array(30).fill('bob'));
    const busy = await claim(lab, bobs[50]!);
    await send(lab, 'cleo', 30);
    const ran = await run(20, anns.slice(1));
    await end(lab, busy!);
    const cleos = ran.filter((owner) => owner === 'cleo').length;
    about(ran.join(' '), () => expect(Math.abs(cleos - 10)).toBeLessThanOrEqual(2));
  });

  it('the end of a task wakes the next one of its owner', async () => {
    const lab = await quiet();
    const [first, second] = await send(lab, 'ann', 2, 1);
    const task = await start(lab, first!);
    const queue = lab.hints.of('normal_priority');
    await eventually('the hint is there', async () => (await queue.getJob(second!)) !== undefined);
    await lab.hints.remove('normal_priority', [second!]);
    const hint = { taskId: second!, name: 'paint', queue: 'normal_priority', priority: 5 } as const;
    await lab.hints.add('normal_priority', [{ ...hint, delayMs: 3_600_000 }]);
    await end(lab, task);
    await eventually('the hint waits no longer', async () => {
      // Whoever is not woken looks by itself, here in an hour: on a busy machine the queue may have been too slow once.
      lab.get(OwnerLimits).ended(task);
      return !(await (await queue.getJob(second!))!.isDelayed());
    });
  });

  it('the place of a dead worker becomes free when its lease ends', async () => {
    const lab = await quiet();
    const [first, second] = await send(lab, 'ann', 2, 1);
    await start(lab, first!);
    expect(await claim(lab, second!)).toBeUndefined();
    const endLease = `UPDATE tasks SET lease_until = now() - interval '1 s' WHERE id = $1`;
    await lab.database.query(endLease, [first]);
    expect((await start(lab, second!)).id).toBe(second);
    // Its own new attempt counts as well.
    expect(await claim(lab, first!)).toBeUndefined();
  });

  it('is kept by the tasks of a canvas and its callbacks', async () => {
    const lab = await openLab();
    const step = si(paint, { owner: 'ann' });
    const { id } = await lab.client.sendCanvas(
      lab.database.manager,
      chain(step.link(si(paint, { owner: 'ann' })), step),
      { ownerId: idOf('ann'), ownerLimit: 2 },
    );
    lab.workers.start(['normal_priority']);
    expect((await lab.finished(id)).state).toBe('SUCCESS');
    const rows = await lab.database.query(
      `SELECT owner_limit AS most FROM tasks WHERE name = 'paint'`,
    );
    expect(rows).toEqual([{ most: 2 }, { most: 2 }, { most: 2 }]);
  });

  it('is a whole number above 0', async () => {
    const lab = await quiet();
    for (const ownerLimit of [0, -1, 1.5, NaN, Infinity]) {
      await expect(send(lab, 'ann', 1, ownerLimit)).rejects.toThrow(RangeError);
    }
    expect(await lab.database.query('SELECT FROM tasks')).toEqual([]);
  });
});
