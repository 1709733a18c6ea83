import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import type { QueryRunner } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { z } from 'zod';
import { chain, si } from '../../../src/tasks/canvas/signatures.js';
import type { TaskContext } from '../../../src/tasks/definitions/task-context.js';
import { defineTask } from '../../../src/tasks/definitions/task-definition.js';
import { PermanentTaskError, Snooze } from '../../../src/tasks/definitions/task-errors.js';
import { HandlesTask } from '../../../src/tasks/definitions/task-handler.decorator.js';
import {
  beginning,
  positionOf,
  textOf,
  type Position,
} from '../../../src/tasks/history/position.js';
import { pageSize, TaskHistory } from '../../../src/tasks/history/task-history.js';
import { onBothQueueEngines } from '../../support/on-both-queue-engines.js';
import { openTaskLab, type TaskLab } from '../../support/task-lab.js';

const options = {
  queue: 'normal_priority',
  payload: z.enum(['succeed', 'retry', 'fail', 'snooze', 'hang']),
  result: z.null(),
  retry: { max: 1, delayMs: 1 },
} as const;
const wish = defineTask({ ...options, name: 'history_wish' });
const chore = defineTask({ ...options, name: 'history_chore', chore: true });
const ownerId = uuidv7();

@Injectable()
class Handlers {
  private readonly seen = new Set<string>();

  private async run(how: string, { taskId, signal }: TaskContext) {
    const again = this.seen.has(taskId);
    this.seen.add(taskId);
    if (how === 'fail') throw new PermanentTaskError('broken', 'It is broken.');
    if (how === 'retry' && !again) throw new Error('again');
    if (how === 'snooze' && !again) {
      throw new Snooze(1, { code: 'away', message: 'It is away.', patienceMs: 60_000 });
    }
    if (how === 'hang') await new Promise((_, no) => signal.addEventListener('abort', no));
    return null;
  }

  @HandlesTask(wish)
  async wish(how: string, context: TaskContext) {
    return this.run(how, context);
  }

  @HandlesTask(chore)
  async chore(how: string, context: TaskContext) {
    return this.run(how, context);
  }
}

onBothQueueEngines('the history of a task', (engine) => {
  let lab: TaskLab;
  beforeAll(async () => {
    lab = await openTaskLab(engine, { providers: [Handlers], serve: ['normal_priority'] });
  });
  afterAll(() => lab.close());

  const historyOf = async (id: string) => {
    const page = await lab.get(TaskHistory).read({ kind: 'task', id }, beginning);
    return page.rows.map(({ type, attempt, error }) => [type, attempt, error?.code ?? null]);
  };
  const lived = async (task: typeof wish, how: z.output<typeof options.payload>, own = true) => {
    const id = await lab.send(task, how, own ? { ownerId } : {});
    await lab.finished(id);
    return historyOf(id);
  };

  it('has each step of what a user has asked for', async () => {
    expect(await lived(wish, 'succeed')).toEqual([
      ['accepted', 0, null],
      ['started', 1, null],
      ['succeeded', 1, null],
    ]);
    expect(await lived(wish, 'retry')).toEqual([
      ['accepted', 0, null],
      ['started', 1, null],
      ['retrying', 1, 'handler_error'],
      ['started', 2, null],
      ['succeeded', 2, null],
    ]);
    expect((await lived(wish, 'snooze'))[2]).toEqual(['retrying', 1, 'away']);
    expect((await lived(wish, 'fail')).at(-1)).toEqual(['failed', 1, 'broken']);
  });

  it('has only what went wrong with chores, and with what belongs to nobody', async () => {
    for (const [task, own] of [
      [chore, true],
      [wish, false],
    ] as const) {
      expect(await lived(task, 'succeed', own)).toEqual([]);
      expect(await lived(task, 'snooze', own)).toEqual([]);
      expect(await lived(task, 'retry', own)).toEqual([['retrying', 1, 'handler_error']]);
      expect(await lived(task, 'fail', own)).toEqual([['failed', 1, 'broken']]);
    }
    const [wrong] = await lab.database.query(
      `SELECT count(*)::int AS n FROM task_history WHERE name = $1 AND owner_id IS NOT NULL`,
      [chore.name],
    );
    expect(wrong).toEqual({ n: 0 });
  });

  it('has revocations, of waiting and of running tasks', async () => {
    const waiting = await lab.send(wish, 'succeed', { ownerId, delayMs: 3_600_000 });
    const running = await lab.send(wish, 'hang', { ownerId });
    await lab.reaches(running, 'STARTED');
    await lab.client.revoke([waiting, running]);
    await lab.finished(running);
    expect(await historyOf(waiting)).toEqual([
      ['accepted', 0, null],
      ['revoked', 0, 'revoked'],
    ]);
    expect((await historyOf(running)).at(-1)).toEqual(['revoked', 1, 'revoked']);
  });

  it('has crashes, and tasks that were handed back', async () => {
    const id = await lab.send(wish, 'succeed', { ownerId, queue: 'low_priority' });
    const claim = async () => {
      const claimed = await lab.claims.claim(id, 'a worker', { alone: true });
      return claimed.kind === 'claimed' ? claimed.task : expect(claimed).toBe('claimed');
    };
    const first = (await claim())!;
    await lab.leases.crashed(first);
    await lab.transitions.release((await claim())!);
    await claim();
    expect(await historyOf(id)).toEqual([
      ['accepted', 0, null],
      ['started', 1, null],
      ['retrying', 1, 'worker_lost'],
      ['started', 2, null],
      ['retrying', 2, 'handed_back'],
      ['started', 3, null],
    ]);
  });

  it('has each node of a canvas', async () => {
    const steps = chain(si(wish, 'succeed'), si(wish, 'succeed'));
    const { id } = await lab.client.sendCanvas(lab.database.manager, steps, { ownerId });
    await lab.finished(id);
    const nodes = await lab.database.query(
      `SELECT DISTINCT array_agg(type ORDER BY seq) AS types FROM task_history
        WHERE task_id IN (SELECT id FROM tasks WHERE canvas_id = $1) GROUP BY task_id`,
      [id],
    );
    expect(nodes).toEqual([
      { types: ['accepted', 'started', 'succeeded'] },
      { types: ['accepted', 'succeeded'] },
    ]);
  });

  it('is deleted with its task', async () => {
    const id = await lab.send(wish, 'succeed', { ownerId });
    await lab.finished(id);
    await lab.database.query('DELETE FROM tasks WHERE id = $1', [id]);
    expect(await historyOf(id)).toEqual([]);
  });
});

describe('a reader of the history', () => {
  let lab: TaskLab;
  let history: TaskHistory;
  beforeAll(async () => {
    lab = await openTaskLab('postgres', { providers: [Handlers], serve: [] });
    history = lab.get(TaskHistory);
  });
  afterAll(() => lab.close());

  const add = (in_: QueryRunner | TaskLab['database'], owner: string, count = 1) =>
    in_.query(
      `INSERT INTO tasks (id, name, queue, priority, payload, owner_id, followed)
       SELECT gen_random_uuid(), 'history_wish', 'low_priority', 5, '"succeed"', $1, true
         FROM generate_series(1, $2)`,
      [owner, count],
    );
  const open = async () => {
    const runner = lab.database.createQueryRunner();
    await runner.startTransaction();
    return runner;
  };
  const commit = async (runner: QueryRunner) => {
    await runner.commitTransaction();
    await runner.release();
  };

  /** Reads on after every row, from a text as a client keeps it. */
  async function readAll(id: string, from: Position, cutAt: number): Promise<string[]> {
    const seen: string[] = [];
    let position = from;
    for (;;) {
      const page = await history.read({ kind: 'owner', id }, positionOf(textOf(position))!);
      const some = page.rows.slice(0, cutAt);
      seen.push(...some.map((row) => row.taskId));
      if (page.rows.length === 0) return seen;
      position = some.length === page.rows.length ? page.position : some.at(-1)!.position;
    }
  }

  it('has each row once, wherever it was cut, in whatever order transactions commit', async () => {
    const owner = uuidv7();
    const from = await history.now();
    const [one, two, three] = [await open(), await open(), await open()];
    for (const runner of [one, two, three]) await add(runner, owner, 2);
    await add(lab.database, owner, 3);
    await add(one, owner);
    const cuts = [1, 2, 3, 100];
    const seen = await Promise.all(cuts.map((cut) => readAll(owner, from, cut)));
    for (const early of seen) expect(new Set(early).size).toBe(3);
    // Where each of them is by now, cut in the middle of what was there.
    const { rows } = await history.read({ kind: 'owner', id: owner }, from);
    await commit(three);
    await commit(one);
    for (const [i, row] of rows.entries()) {
      const later = await readAll(owner, row.position, 1);
      const all = [...rows.slice(0, i + 1).map(({ taskId }) => taskId), ...later];
      expect([all.length, new Set(all).size]).toEqual([8, 8]);
    }
    const middle = await history.read({ kind: 'owner', id: owner }, rows[1]!.position);
    await commit(two);
    for (const row of middle.rows) {
      const later = await readAll(owner, row.position, 1);
      expect(later.length).toBe(middle.rows.length - middle.rows.indexOf(row) - 1 + 2);
    }
    expect(new Set(await readAll(owner, from, 2)).size).toBe(10);
  });

  it('has a transaction of more rows than a page', async () => {
    const owner = uuidv7();
    const from = await history.now();
    await add(lab.database, owner, pageSize * 2 + 7);
    expect((await history.read({ kind: 'owner', id: owner }, from)).isFull).toBe(true);
    const seen = await readAll(owner, from, pageSize);
    expect([seen.length, new Set(seen).size]).toEqual([pageSize * 2 + 7, pageSize * 2 + 7]);
  });

  it('leaves out what another database has written before it was restored here', async () => {
    const owner = uuidv7();
    const from = await history.now();
    await add(lab.database, owner);
    await lab.database.query(
      `UPDATE task_history SET xid = (xid::text::bigint + 1000000)::text::xid8 WHERE owner_id = $1`,
      [owner],
    );
    expect((await history.read({ kind: 'owner', id: owner }, from)).rows).toEqual([]);
  });
});
