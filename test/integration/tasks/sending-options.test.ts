import { once } from 'node:events';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { about } from '../../support/about.js';
import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import type { Canvas } from '../../../src/tasks/canvas/canvas.js';
import { chain, chord, group, s, si } from '../../../src/tasks/canvas/signatures.js';
import type { TaskContext } from '../../../src/tasks/definitions/task-context.js';
import { defineTask } from '../../../src/tasks/definitions/task-definition.js';
import {
  RetryableTaskError,
  taskErrorReport,
  type TaskErrorReport,
} from '../../../src/tasks/definitions/task-errors.js';
import { HandlesTask } from '../../../src/tasks/definitions/task-handler.decorator.js';
import { InvalidPayloadError } from '../../../src/tasks/definitions/task-payload.js';
import { eventually } from '../../support/eventually.js';
import { onBothQueueEngines } from '../../support/on-both-queue-engines.js';
import { openTaskLab, type TaskLab } from '../../support/task-lab.js';

const queue = 'normal_priority';
const inc = defineTask({ name: 'options_inc', queue, payload: z.int(), result: z.int() });
const total = defineTask({
  name: 'options_total',
  queue,
  payload: z.array(z.int()),
  result: z.int(),
});
const fails = defineTask({ name: 'options_fails', queue, payload: z.null(), result: z.int() });
const waits = defineTask({
  name: 'options_waits',
  queue,
  payload: z.enum(['obeys', 'ignores']),
  result: z.string(),
});
const blames = defineTask({
  name: 'options_blames',
  queue,
  payload: taskErrorReport,
  result: z.string(),
});
const shouts = defineTask({
  name: 'options_shouts',
  queue,
  payload: z.string(),
  result: z.string(),
});

@Injectable()
class Handlers {
  @HandlesTask(inc)
  async inc(n: number) {
    return n + 1;
  }

  @HandlesTask(total)
  async total(numbers: number[]) {
    return numbers.reduce((a, b) => a + b, 0);
  }

  @HandlesTask(fails)
  async fails(): Promise<number> {
    throw new RetryableTaskError('hiccup', 'Again and again.');
  }

  @HandlesTask(waits)
  async waits(how: z.output<typeof waits.payload>, { signal }: TaskContext) {
    if (how === 'ignores') return new Promise<string>(() => {});
    await once(signal, 'abort');
    return (signal.reason as Error).name;
  }

  @HandlesTask(blames)
  async blames({ error }: TaskErrorReport) {
    return error.code;
  }

  @HandlesTask(shouts)
  async shouts(text: string) {
    return text.toUpperCase();
  }
}

onBothQueueEngines('options of sending', (engine) => {
  let lab: TaskLab;
  beforeAll(async () => {
    lab = await openTaskLab(engine, { providers: [Handlers], serve: [queue] });
  });
  afterAll(() => lab.close());
  const count = async () => (await lab.database.query('SELECT count(*)::int AS n FROM tasks'))[0].n;
  /** The only task that was sent when this one ended. */
  const callbackOf = async (id: string) => {
    await lab.finished(id);
    const called = await lab.database.query(`SELECT id FROM tasks WHERE parent_id = $1`, [id]);
    expect(called.length).toBe(1);
    return lab.finished(called[0].id);
  };

  it('a retry policy retries as often and as soon as the sender says', async () => {
    const twice = await lab.send(fails, null, { retry: { max: 2, delayMs: 1 } });
    const never = await lab.send(fails, null, { retry: { max: 0 } });
    const [again, once] = [await lab.finished(twice), await lab.finished(never)];
    expect([again.state, again.retries, again.attempt]).toEqual(['FAILURE', 2, 3]);
    expect([once.state, once.retries, once.attempt]).toEqual(['FAILURE', 0, 1]);
  });

  it('a partial retry policy keeps the rest of the definition’s', async () => {
    const id = await lab.send(fails, null, { retry: { max: 5 } });
    await lab.reaches(id, 'RETRY');
    const [{ wait }] = await lab.database.query(
      `SELECT extract(epoch FROM run_at - started_at)::float8 AS wait FROM tasks WHERE id = $1`,
      [id],
    );
    about(`${wait} s`, () => expect(wait >= 60).toBe(true));
    await lab.client.revoke(id);
  });

  it('soft and hard time limits apply to the task', async () => {
    const soft = await lab.finished(await lab.send(waits, 'obeys', { softTimeLimitMs: 20 }));
    expect(soft.result).toBe('SoftTimeLimitExceeded');
    const hard = await lab.finished(await lab.send(waits, 'ignores', { hardTimeLimitMs: 20 }));
    expect([hard.state, hard.error?.code]).toEqual(['FAILURE', 'time_limit']);
  });

  it('an expiry keeps a task that has not started from ever starting', async () => {
    const late = await lab.send(inc, 1, { delayMs: 200, expiresInMs: 1 });
    const inTime = await lab.send(inc, 1, { expiresInMs: 60_000 });
    const task = await lab.finished(late);
    expect([task.state, task.error?.code, task.attempt]).toEqual(['REVOKED', 'expired', 0]);
    expect((await lab.finished(inTime)).state).toBe('SUCCESS');
  });

  it('link may send a whole canvas with the result', async () => {
    const then = chain(s(inc), chord(group(s(inc), chain(s(inc), s(inc))), s(total)));
    const called = await callbackOf(await lab.send(inc, 1, { link: then, linkError: s(blames) }));
    expect([called.kind, called.state, called.result]).toEqual(['chain', 'SUCCESS', 9]);
  });

  it('linkError may send a whole canvas with the error', async () => {
    const id = await lab.send(fails, null, {
      retry: { max: 0 },
      link: s(inc),
      linkError: chain(s(blames), s(shouts)),
    });
    const called = await callbackOf(id);
    expect([called.kind, called.state, called.result]).toEqual(['chain', 'SUCCESS', 'HICCUP']);
  });

  it('the queue of a chain applies to all steps, its delay to the first step only', async () => {
    const canvas = chain(si(inc, 1), s(inc), s(inc).set({ queue: 'low_priority', delayMs: 7 }));
    const id = await lab.sendCanvas(canvas.set({ queue: 'high_priority', delayMs: 10_000 }));
    const steps = await lab.database.query(
      `SELECT queue, delay_ms AS wait, run_at > now() AS later FROM tasks
        WHERE parent_id = $1 ORDER BY position`,
      [id],
    );
    expect(steps).toEqual([
      { queue: 'high_priority', wait: 10_000, later: true },
      { queue: 'high_priority', wait: 0, later: false },
      { queue: 'low_priority', wait: 7, later: false },
    ]);
    const hint = await eventually('a hint', async () =>
      lab.hints.of('high_priority').getJob((await firstOf(id)).id),
    );
    expect(await hint.isDelayed()).toBe(true);
    await lab.client.revoke(id);
  });

  it('the delay of a later step counts from its turn', async () => {
    const canvas = chain(si(inc, 1), s(inc).set({ delayMs: 300 }));
    const id = await lab.sendCanvas(canvas);
    expect((await lab.finished(id)).result).toBe(3);
    const [{ waited }] = await lab.database.query(
      `SELECT later.started_at >= first.finished_at + interval '300 ms' AS waited
         FROM tasks first JOIN tasks later USING (parent_id)
        WHERE parent_id = $1 AND first.position = 0 AND later.position = 1`,
      [id],
    );
    expect(waited).toBe(true);
  });

  const wrong = si(inc, 'one' as unknown as number);
  const odd = si(inc, 1).set({ priority: 11 });
  const refused: [string, Canvas<undefined, unknown>, new () => Error][] = [
    ['payload', chain(si(inc, 1), group(s(inc), chain(s(inc), wrong))), InvalidPayloadError],
    ['payload of a callback', si(inc, 1).link(chain(s(inc), wrong)), InvalidPayloadError],
    ['option', chord(group(si(inc, 1), chain(si(inc, 1), odd)), s(total)), RangeError],
    ['option of a callback', chain(si(inc, 1), s(inc).linkError(odd)), RangeError],
  ];
  for (const [what, canvas, error] of refused) {
    it(`a wrong ${what} deep in a canvas is refused, and nothing is stored`, async () => {
      const before = await count();
      await expect(lab.sendCanvas(canvas)).rejects.toThrow(error);
      expect(await count()).toBe(before);
    });
  }

  it('callbacks of callbacks nest a thousand deep', async () => {
    let link: Canvas<number, number> = s(inc);
    for (let i = 0; i < 998; i++) link = s(inc).link(link);
    const id = await lab.send(inc, 1, { link, delayMs: 10_000 });
    await lab.client.revoke(id);
    expect((await lab.task(id)).state).toBe('REVOKED');
  });

  async function firstOf(id: string): Promise<{ id: string }> {
    const sql = 'SELECT id FROM tasks WHERE parent_id = $1 AND position = 0';
    return (await lab.database.query(sql, [id]))[0];
  }
});
