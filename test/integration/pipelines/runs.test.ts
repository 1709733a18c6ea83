import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { v4 as uuidv4, v7 as uuidv7 } from 'uuid';
import type { z } from 'zod';
import { EventStore } from '../../../src/features/pipelines/event-store.js';
import { processIncomingEventTask } from '../../../src/features/pipelines/pipelines.tasks.js';
import { inTransaction } from '../../../src/infrastructure/database/transaction.js';
import { eventually } from '../../support/eventually.js';
import { onBothQueueEngines } from '../../support/on-both-queue-engines.js';
import {
  makeStoryTable,
  storyPipeline,
  storyLab,
  type storyEvent,
} from '../../support/story-pipeline.js';
import { openTaskLab, type TaskLab } from '../../support/task-lab.js';

interface Node {
  node: string;
  state: string;
  output: unknown;
  error: { code: string; message: string } | null;
  failures: number;
  task_id: string | null;
}

onBothQueueEngines('a run of a pipeline', (engine) => {
  let lab: TaskLab;
  beforeAll(async () => {
    lab = await openTaskLab(engine, storyLab);
    await makeStoryTable(lab.database);
  });
  afterAll(() => lab.close());

  /** @returns ids of the event and of its run */
  async function send(data: z.input<typeof storyEvent.data>) {
    const [id, runId, ownerId] = [uuidv7(), uuidv7(), uuidv4()];
    const rest = { producerId: null, ownerId, sourceId: null, correlationId: 'story' };
    const wanted = { id, runId, type: 'test_story', pipeline: storyPipeline.name, data, ...rest };
    await inTransaction(lab.database, (tx) => lab.get(EventStore).add(tx, [wanted]));
    return { id, runId, ownerId };
  }
  async function nodesOf(runId: string): Promise<Record<string, Node>> {
    const sql = `SELECT * FROM event_nodes WHERE run_id = $1`;
    const found = await lab.database.query<Node[]>(sql, [runId]);
    return Object.fromEntries(found.map((node) => [node.node, node]));
  }
  const statesOf = async (runId: string) =>
    Object.fromEntries(Object.values(await nodesOf(runId)).map(({ node, state }) => [node, state]));
  async function statusOf(id: string): Promise<{ status: string; state: string; code: string }> {
    const [row] = await lab.database.query(
      `SELECT status, state, error->>'code' AS code
         FROM events JOIN event_runs ON event_runs.id = run_id WHERE events.id = $1`,
      [id],
    );
    return row;
  }
  const effectsOf = async (runId: string) => {
    const sql = `SELECT key FROM story_effects WHERE key LIKE $1 ORDER BY key`;
    const found = await lab.database.query<{ key: string }[]>(sql, [`${runId}:%`]);
    return found.map(({ key }) => key.slice(runId.length + 1));
  };

  it('goes through branches and joins, waits for a task, and stores what each node has found out', async () => {
    const { id, runId, ownerId } = await send({ hero: 'Ada', mood: 'wild', failures: 2 });
    const task = await lab.finished(runId);
    expect(task.error).toBe(null);
    expect(task.result).toEqual({
      event_id: id,
      pipeline: 'test_story_pipeline',
      done: ['begin', 'mood', 'run', 'left', 'flaky', 'ask', 'end', 'elasticsearch_index'],
      skipped: ['rest', 'excuse'],
      failed: [],
    });
    const nodes = await nodesOf(runId);
    expect(nodes.end!.output).toEqual({ text: 'runs, left, after 2, 42' });
    expect([nodes.mood!.output, nodes.flaky!.failures]).toEqual(['wild', 2]);
    const asked = await lab.task(nodes.ask!.task_id!);
    expect([asked.ownerId, asked.correlationId, asked.waiterId]).toEqual([ownerId, 'story', runId]);
    expect(await effectsOf(runId)).toEqual(['ask', 'begin', 'end']);
    expect(await statusOf(id)).toEqual({ status: 'PROCESSED', state: 'SUCCESS', code: null });
    expect([task.retries, task.crashes]).toEqual([0, 0]);
  });

  it('takes the branch of a node that has failed', async () => {
    const { runId } = await send({ hero: 'Ada', task: 'fail', failures: -1 });
    expect((await lab.finished(runId)).state).toBe('SUCCESS');
    const { excuse, end, ask, flaky } = await nodesOf(runId);
    expect(excuse!.output).toEqual({ text: 'sorry: no_answer' });
    expect(end!.output).toEqual({ text: 'rests, left, no flaky, no answer' });
    expect([ask!.state, flaky!.state, flaky!.failures]).toEqual(['FAILED', 'FAILED', 1]);
  });

  for (const [left, code] of [
    ['fail', 'left_broken'],
    ['nonsense', 'invalid_output'],
    ['huge', 'output_too_large'],
  ] as const) {
    it(`fails when a node ends with ${code}, and is indexed all the same`, async () => {
      const { id, runId } = await send({ hero: 'Ada', left });
      const task = await lab.finished(runId);
      expect([task.state, task.error?.code]).toEqual(['FAILURE', code]);
      expect(task.error?.message).toContain('"left"');
      expect(await statusOf(id)).toEqual({ status: 'FAILED', state: 'FAILURE', code });
      const states = await statesOf(runId);
      expect([states.left, states.end, states.elasticsearch_index]).toEqual([
        'FAILED',
        'SKIPPED',
        'DONE',
      ]);
    });
  }

  it('gives a node its time, and then tries again as its retries say', async () => {
    const { runId } = await send({ hero: 'Ada', left: 'hang' });
    const task = await lab.finished(runId);
    expect([task.state, task.error?.code]).toEqual(['FAILURE', 'node_timeout']);
    expect((await nodesOf(runId)).left!.failures).toBe(4);
  });

  it('tells nobody why a node has failed unexpectedly', async () => {
    const { runId } = await send({ hero: 'Ada', failures: 100 });
    await lab.finished(runId);
    const { flaky } = await nodesOf(runId);
    expect([flaky!.state, flaky!.failures, flaky!.error!.code]).toEqual([
      'FAILED',
      4,
      'node_error',
    ]);
    expect(JSON.stringify(flaky)).not.toContain('secret');
  });

  it('fails when a router takes a route that it does not have', async () => {
    const { runId } = await send({ hero: 'Ada', mood: 'unheard of' });
    const task = await lab.finished(runId);
    expect([task.state, task.error?.code]).toEqual(['FAILURE', 'invalid_output']);
  });

  it('needs no worker while it waits, and takes its task with it when it is revoked', async () => {
    const { id, runId } = await send({ hero: 'Ada', task: 'hang' });
    const waiting = await eventually('it waits', async () => {
      const { state, error } = await lab.task(runId);
      const { ask } = await nodesOf(runId);
      return state === 'PENDING' && error?.code === 'pipeline_waits' && ask;
    });
    await lab.reaches(waiting.task_id!, 'STARTED');
    await lab.client.revoke(runId);
    expect((await lab.finished(runId)).state).toBe('REVOKED');
    expect((await lab.finished(waiting.task_id!)).state).toBe('REVOKED');
    expect(await statusOf(id)).toEqual({ status: 'REVOKED', state: 'REVOKED', code: 'revoked' });
  });

  it('goes on behind its last node after its worker has lost it', async () => {
    const { runId } = await send({ hero: 'Ada', task: 'hang' });
    const { task_id: asked } = await eventually('it waits', async () => {
      const { state } = await lab.task(runId);
      return state === 'PENDING' && (await nodesOf(runId)).ask;
    });
    const before = await nodesOf(runId);
    await lab.database.query(
      `UPDATE tasks SET state = 'STARTED', attempt = attempt + 1, lease_until = now(), worker = 'gone',
              process = NULL WHERE id = $1`,
      [runId],
    );
    await lab.client.revoke(asked!);
    expect((await lab.finished(runId)).state).toBe('SUCCESS');
    const after = await nodesOf(runId);
    expect(after.begin).toEqual(before.begin);
    expect(after.ask!.error!.code).toBe('revoked');
    expect(await effectsOf(runId)).toEqual(['ask', 'begin', 'end']);
  });

  it('can be sent by hand, and is then the newest run of the event', async () => {
    const { id, runId } = await send({ hero: 'Ada' });
    await lab.finished(runId);
    const again = await lab.send(processIncomingEventTask, { event_id: id });
    expect((await lab.finished(again)).state).toBe('SUCCESS');
    const [event] = await lab.database.query(`SELECT run_id, status FROM events WHERE id = $1`, [
      id,
    ]);
    expect(event).toEqual({ run_id: again, status: 'PROCESSED' });
    expect(await effectsOf(again)).toEqual(['ask', 'begin', 'end']);
  });

  it('fails for good without its event, its pipeline, or data that fit', async () => {
    const lost = await lab.finished(
      await lab.send(processIncomingEventTask, { event_id: uuidv7() }),
    );
    expect(lost.error?.code).toBe('unknown_event');
    const strange = await send({ hero: 'Ada' });
    await lab.finished(strange.runId);
    for (const [set, code] of [
      [`type = 'of_an_older_release'`, 'no_pipeline'],
      [`type = 'test_story', data = '{"hero": 5}'`, 'invalid_event'],
    ]) {
      await lab.database.query(`UPDATE events SET ${set} WHERE id = $1`, [strange.id]);
      const again = await lab.send(processIncomingEventTask, { event_id: strange.id });
      const task = await lab.finished(again);
      expect([task.error?.code, task.retries]).toEqual([code, 0]);
    }
  });

  it('is over for its event when its task is deleted', async () => {
    const { id, runId } = await send({ hero: 'Ada', task: 'hang' });
    const { task_id: asked } = await eventually('it waits', async () => (await nodesOf(runId)).ask);
    await lab.database.query(`DELETE FROM tasks WHERE id = $1`, [runId]);
    expect((await statusOf(id)).status).toBe('REVOKED');
    await lab.client.revoke(asked!);
  });
});
