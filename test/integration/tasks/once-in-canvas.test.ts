import { afterAll, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { chain, chord, group, s, si } from '../../../src/tasks/canvas/signatures.js';
import { onAbort } from '../../../src/common/deadline.js';
import type { TaskContext } from '../../../src/tasks/definitions/task-context.js';
import { defineTask } from '../../../src/tasks/definitions/task-definition.js';
import { PermanentTaskError } from '../../../src/tasks/definitions/task-errors.js';
import { HandlesTask } from '../../../src/tasks/definitions/task-handler.decorator.js';
import { InvalidPayloadError } from '../../../src/tasks/definitions/task-payload.js';
import { QueuePurge } from '../../../src/tasks/operations/queue-purge.js';
import { eventually } from '../../support/eventually.js';
import { onBothQueueEngines } from '../../support/on-both-queue-engines.js';
import { openTaskLab, type TaskLab } from '../../support/task-lab.js';

const filmShape = z.strictObject({ film: z.string(), n: z.int() });
const render = defineTask({
  name: 'render_once',
  queue: 'normal_priority',
  payload: filmShape,
  result: z.int(),
  retry: { max: 0 },
  once: { key: ({ film }) => film, ttlMs: 600_000 },
});
const plus = defineTask({
  name: 'plus_one',
  queue: 'high_priority',
  payload: z.int(),
  result: z.int(),
});
const total = defineTask({
  name: 'total',
  queue: 'high_priority',
  payload: z.array(z.int()),
  result: z.int(),
});

const title = defineTask({
  name: 'title',
  queue: 'high_priority',
  payload: z.int(),
  result: z.string(),
});

@Injectable()
class Studio {
  readonly runs: number[] = [];
  private readonly waiting = new Set<() => void>();
  private open = false;

  shut(): void {
    this.open = false;
  }

  release(): void {
    this.open = true;
    for (const go of this.waiting) go();
  }

  @HandlesTask(render)
  async render({ film, n }: z.output<typeof filmShape>, { signal }: TaskContext) {
    this.runs.push(n);
    if (!this.open) {
      await new Promise<void>((resolve) => {
        this.waiting.add(resolve);
        onAbort(signal, resolve);
      });
    }
    if (film === 'lost') throw new PermanentTaskError('film_lost', 'The film is lost.');
    return n;
  }

  @HandlesTask(plus)
  async plus(n: number) {
    return n + 1;
  }

  @HandlesTask(title)
  async title(length: number) {
    return 'x'.repeat(length);
  }

  @HandlesTask(total)
  async total(numbers: number[]) {
    return numbers.reduce((sum, n) => sum + n, 0);
  }
}

onBothQueueEngines('once in a canvas', (engine) => {
  let lab: TaskLab;
  let studio: Studio;
  beforeAll(async () => {
    lab = await openTaskLab(engine, { providers: [Studio], settings: { workerConcurrency: 5 } });
    studio = lab.get(Studio);
  });
  beforeEach(() => {
    studio.shut();
    studio.runs.splice(0);
  });
  afterAll(() => lab.close());

  const patience = { timeoutMs: 300_000 };
  const nodes = (
    root: string,
  ): Promise<{ id: string; name: string; state: string; joined: string | null }[]> =>
    lab.database.query(
      `SELECT id, name, state, joined_id AS joined FROM tasks WHERE canvas_id = $1 ORDER BY id`,
      [root],
    );
  const joinedNode = (root: string) =>
    eventually('a node has joined', async () =>
      (await nodes(root)).find((node) => node.joined !== null),
    );

  it('equal parts of a chord run once, and each gives the same result', async () => {
    const parts = [7, 8, 9].map((n) => si(render, { film: 'metropolis', n }));
    const sent = await lab.client.sendCanvas(
      lab.database.manager,
      chord(group(...parts), s(total)),
    );
    await eventually('it runs', () => studio.runs.length > 0);
    studio.release();
    const [ran] = studio.runs;
    expect(await sent.get(patience)).toBe(3 * ran!);
    expect(studio.runs).toEqual([ran]);
  });

  it('a step of a chain takes the result of the task that was sent before', async () => {
    const first = await lab.send(render, { film: 'nosferatu', n: 20 });
    await lab.reaches(first, 'STARTED');
    const sent = await lab.client.sendCanvas(
      lab.database.manager,
      chain(si(plus, 1), s(render, 'n', { film: 'nosferatu' }), s(plus)),
    );
    expect((await joinedNode(sent.id)).joined).toBe(first);
    studio.release();
    expect(await sent.get(patience)).toBe(21);
    expect(studio.runs).toEqual([20]);
  });

  it('send returns the id of a node that has the key, waiting or running', async () => {
    const canvas = await lab.sendCanvas(
      group(si(render, { film: 'faust', n: 1 }).set({ delayMs: 20_000 }), si(plus, 1)),
    );
    const node = (await nodes(canvas)).find(({ name }) => name === render.name)!;
    expect(await lab.send(render, { film: 'faust', n: 2 })).toBe(node.id);
    await lab.client.revoke(canvas);
  });

  it('a single signature sent as a canvas returns the id of the open task', async () => {
    const first = await lab.send(render, { film: 'caligari', n: 1 });
    expect(await lab.sendCanvas(si(render, { film: 'caligari', n: 2 }))).toBe(first);
    studio.release();
    await lab.finished(first);
  });

  it('two steps of a chain with the same key both run, one after the other', async () => {
    studio.release();
    const sent = await lab.client.sendCanvas(
      lab.database.manager,
      chain(si(render, { film: 'm', n: 4 }), si(render, { film: 'm', n: 5 })),
    );
    expect(await sent.get(patience)).toBe(5);
    expect(studio.runs).toEqual([4, 5]);
  });

  it('a node fails when the task that it joined fails, and the chain stops', async () => {
    const first = await lab.send(render, { film: 'lost', n: 1 });
    await lab.reaches(first, 'STARTED');
    const canvas = await lab.sendCanvas(chain(si(render, { film: 'lost', n: 2 }), s(plus)));
    await joinedNode(canvas);
    studio.release();
    const root = await lab.finished(canvas);
    expect([root.state, root.error?.code, root.error?.task_id]).toEqual([
      'FAILURE',
      'film_lost',
      first,
    ]);
    const states = (await nodes(canvas)).map(({ state }) => state);
    expect(states).toEqual(['FAILURE', 'FAILURE', 'REVOKED']);
  });

  it('a node is REVOKED when the task that it joined is REVOKED', async () => {
    const first = await lab.send(render, { film: 'golem', n: 1 }, { delayMs: 20_000 });
    const canvas = await lab.sendCanvas(chain(si(render, { film: 'golem', n: 2 }), s(plus)));
    await joinedNode(canvas);
    await lab.client.revoke(first);
    expect((await lab.finished(canvas)).state).toBe('REVOKED');
  });

  it('revoking a canvas leaves the task that it joined alone', async () => {
    const first = await lab.send(render, { film: 'vampyr', n: 3 });
    await lab.reaches(first, 'STARTED');
    const canvas = await lab.sendCanvas(chain(si(render, { film: 'vampyr', n: 4 }), s(plus)));
    await joinedNode(canvas);
    const [revoked] = await lab.client.revoke(canvas);
    expect([revoked!.outcome, revoked!.state]).toEqual(['revoked', 'REVOKED']);
    studio.release();
    expect((await lab.finished(first)).result).toBe(3);
  });

  it("a node that joined another one ends when that one's canvas is revoked or purged", async () => {
    for (const stop of ['revoke', 'purge'] as const) {
      const part = si(render, { film: stop, n: 1 }).set({ delayMs: 20_000 });
      const holder = await lab.sendCanvas(group(part, chain(si(plus, 1), s(plus))));
      const alone = await lab.send(render, { film: `${stop} alone`, n: 1 }, { delayMs: 20_000 });
      const joiner = await lab.sendCanvas(
        group(si(render, { film: stop, n: 2 }), si(render, { film: `${stop} alone`, n: 2 })),
      );
      expect((await nodes(joiner)).filter((node) => node.joined !== null).length).toBe(2);
      if (stop === 'revoke') await lab.client.revoke([holder, alone]);
      else await lab.get(QueuePurge).purge(['normal_priority']);
      expect((await lab.finished(joiner)).state).toBe('FAILURE');
    }
  });

  it('a callback that joins a task ends with it', async () => {
    const first = await lab.send(render, { film: 'sunrise', n: 6 });
    await lab.reaches(first, 'STARTED');
    const linked = await lab.send(plus, 1, { link: s(render, 'n', { film: 'sunrise' }) });
    const callback = await joinedNode(linked);
    studio.release();
    expect((await lab.finished(callback.id)).result).toBe(6);
  });

  it('each key runs once when many canvases with the keys in any order run at once', async () => {
    const one = (n: number) => si(render, { film: 'one', n });
    const two = (n: number) => s(render, 'n', { film: 'two' }).set({ priority: n % 10 });
    const canvases = Array.from({ length: 30 }, (_, n) =>
      n % 2 === 0
        ? group(one(n), chain(si(plus, n), two(n)))
        : group(chain(si(plus, n), two(n)), one(n)),
    );
    const ids = await Promise.all(canvases.map((canvas) => lab.sendCanvas(canvas)));
    await eventually('every later step had its turn', async () => {
      const [{ waiting }] = await lab.database.query(
        `SELECT count(*)::int AS waiting FROM tasks
          WHERE canvas_id = ANY($1) AND name = 'plus_one' AND finished_at IS NULL`,
        [ids],
      );
      return waiting === 0 && studio.runs.length === 2;
    });
    studio.release();
    const results = await Promise.all(ids.map(async (id) => (await lab.finished(id)).result));
    const sorted = results.map((result) =>
      JSON.stringify((result as number[]).toSorted((a, b) => a - b)),
    );
    expect(new Set(sorted).size).toBe(1);
    expect(studio.runs.length).toBe(2);
  });

  it('a key that is too long is refused before anything is stored', async () => {
    const signature = si(render, { film: 'x'.repeat(201), n: 1 });
    await expect(lab.sendCanvas(group(signature, si(plus, 1)))).rejects.toThrow(
      InvalidPayloadError,
    );
  });

  it('a key that turns out too long at its turn fails its node', async () => {
    const canvas = await lab.sendCanvas(chain(si(title, 201), s(render, 'film', { n: 1 })));
    const root = await lab.finished(canvas);
    expect([root.state, root.error?.code]).toEqual(['FAILURE', 'invalid_payload']);
  });
});
