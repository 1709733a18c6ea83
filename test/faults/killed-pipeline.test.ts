import { randomInt } from 'node:crypto';
import { expect, it } from '@jest/globals';
import { v7 as uuidv7 } from 'uuid';
import { EventStore } from '../../src/features/pipelines/event-store.js';
import { inTransaction } from '../../src/infrastructure/database/transaction.js';
import { QUEUE_NAMES } from '../../src/tasks/definitions/queues.js';
import { atTestEnd } from '../support/at-test-end.js';
import { eventually } from '../support/eventually.js';
import { onBothQueueEngines } from '../support/on-both-queue-engines.js';
import { endProcess, startProcess } from '../support/processes.js';
import { makeStoryTable, storyLab, storyPipeline } from '../support/story-pipeline.js';
import { openTaskLab } from '../support/task-lab.js';

/** `npm run test:chaos` makes it a hundred. */
const kills = Number(process.env['DARKROOM_TEST_KILLS'] ?? 2);
/** Of one kind. */
const events = 4;

onBothQueueEngines('runs of a pipeline whose workers are killed', (engine) => {
  it('go on behind their last node, and no effect is repeated', async () => {
    const lab = await openTaskLab(engine, { ...storyLab, serve: [] });
    atTestEnd(() => lab.close());
    await makeStoryTable(lab.database);
    const send = (data: Record<string, string>) =>
      inTransaction(lab.database, (tx) => {
        const ids = { id: uuidv7(), runId: uuidv7(), producerId: null, ownerId: null };
        const kind = { type: 'test_story', pipeline: storyPipeline.name, data };
        const wanted = { ...ids, ...kind, sourceId: null, correlationId: null };
        return lab.get(EventStore).add(tx, [wanted]);
      });
    for (let kill = 0; kill < kills; kill++) {
      for (let n = 0; n < events; n++) await send({ hero: 'Ada', mood: n % 2 ? 'wild' : 'calm' });
      const at = randomInt(1, 10 * events);
      const doomed = startProcess('test/support/story-worker.js', [], {
        DATABASE_URL: lab.stores.databaseUrl,
        QUEUE_URL: lab.stores.queueUrl,
        ENGINE: engine,
        DIE_WHEN: kill % 2 ? 'writing' : 'written',
        DIE_AT: String(at),
      });
      atTestEnd(() => endProcess(doomed));
      expect(await doomed.ended()).toBe('SIGKILL');
      if (kill === kills - 1) await lab.wipeQueues();
    }
    lab.workers.start([...QUEUE_NAMES]);
    const all = kills * events;
    await eventually('all events are processed', async () => {
      const found = await lab.database.query<{ status: string; events: number }[]>(
        `SELECT status, count(*)::int AS events FROM events GROUP BY status`,
      );
      return found[0]?.status === 'PROCESSED' && found[0].events === all;
    });
    const [effects] = await lab.database.query(
      `SELECT count(*)::int AS written, count(DISTINCT key)::int AS different FROM story_effects`,
    );
    expect(effects).toEqual({ written: 3 * all, different: 3 * all });
    const [asked] = await lab.database.query(
      `SELECT count(*)::int AS sent FROM tasks WHERE name = 'test_ask'`,
    );
    expect(asked).toEqual({ sent: all });
    const [nodes] = await lab.database.query(
      `SELECT count(*)::int AS nodes, count(*) FILTER (WHERE state NOT IN ('DONE', 'SKIPPED'))::int AS bad
         FROM event_nodes`,
    );
    expect(nodes).toEqual({ nodes: storyPipeline.nodes.size * all, bad: 0 });
  });
});
