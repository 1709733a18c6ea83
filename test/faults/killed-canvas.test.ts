import { randomInt } from 'node:crypto';
import { expect, it } from '@jest/globals';
import { atTestEnd } from '../support/at-test-end.js';
import { chain, chord, group, s, si } from '../../src/tasks/canvas/signatures.js';
import { CanvasHandlers, canvasAdd, canvasSum } from '../support/canvas-tasks.js';
import { QUEUE_NAMES } from '../../src/tasks/definitions/queues.js';
import { eventually } from '../support/eventually.js';
import { endProcess, startProcess } from '../support/processes.js';
import { onBothQueueEngines } from '../support/on-both-queue-engines.js';
import { openTaskLab } from '../support/task-lab.js';

const plusOne = s(canvasAdd, 'a', { b: 1 });

/** 1 + … : 6 branches of 4 steps each, then 5 more steps. */
const canvas = chain(
  si(canvasAdd, { a: 0, b: 1 }),
  chord(
    group(...Array.from({ length: 6 }, () => chain(plusOne, plusOne, chain(plusOne, plusOne)))),
    s(canvasSum),
  ),
  plusOne,
  chord(
    group(plusOne, group(plusOne).set({ priority: 1 }).link(si(canvasSum, []))),
    si(canvasSum, [35]),
  ),
  plusOne,
);
const expected = 36;

onBothQueueEngines('a canvas whose workers are killed', (engine) => {
  it('ends as if the workers had lived, even if the queue is wiped meanwhile', async () => {
    const lab = await openTaskLab(engine, { providers: [CanvasHandlers], serve: [] });
    atTestEnd(() => lab.close());
    const worker = (env = {}) => {
      const started = startProcess('test/support/canvas-worker.js', [], {
        DATABASE_URL: lab.stores.databaseUrl,
        QUEUE_URL: lab.stores.queueUrl,
        ENGINE: engine,
        ...env,
      });
      atTestEnd(() => endProcess(started));
      return started;
    };
    const ids: string[] = [];
    for (let n = 0; n < 5; n++) ids.push(await lab.sendCanvas(canvas));
    for (const phase of ['claimed', 'ending', 'ended', 'told']) {
      const at = String(randomInt(1, 12));
      const doomed = worker({ DIE_WHEN: phase, DIE_AT: at });
      expect(await doomed.ended()).toBe('SIGKILL');
      if (phase === 'told') await lab.wipeQueues();
    }
    lab.workers.start([...QUEUE_NAMES]);
    for (const id of ids) {
      const root = await eventually(`canvas ${id} is over`, async () => {
        const now = await lab.task(id);
        return now.finishedAt !== null && now;
      });
      expect([root.state, root.result, root.error]).toEqual(['SUCCESS', expected, null]);
    }
    await eventually('callbacks are over, too', async () => {
      const open = await lab.database.query(`SELECT FROM tasks WHERE finished_at IS NULL`);
      return open.length === 0;
    });
    const rows = await lab.database.query(
      `SELECT canvas_id, count(*)::int AS n, count(*) FILTER (WHERE state = 'SUCCESS')::int AS good
         FROM tasks GROUP BY canvas_id`,
    );
    // Nothing was sent twice: each canvas has the same nodes.
    expect(rows.length).toBe(5);
    expect(new Set(rows.map((row: { n: number }) => row.n)).size).toBe(1);
    expect(rows.every((row: { n: number; good: number }) => row.good === row.n)).toBeTruthy();
  });
});
