import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { v7 as uuidv7 } from 'uuid';
import type { AcceptedEvent, ShownEvent } from '../../../src/features/events/events.dto.js';
import type { FeedbackReport } from '../../../src/features/generation-feedback/feedback.dto.js';
import { startDarkroom, type TestDarkroom } from '../../support/darkroom.js';
import { eventually } from '../../support/eventually.js';
import { onBothQueueEngines } from '../../support/on-both-queue-engines.js';
import { badFieldsOf, problemOf } from '../../support/problem.js';

const small = { prompt: 'x', width: 64, height: 64, steps: 1 };

onBothQueueEngines('feedback on generations', (engine) => {
  let darkroom: TestDarkroom;
  let key: string;
  let taskId: string;
  beforeAll(async () => {
    darkroom = await startDarkroom(engine, { settings: { blockedWords: ['rubbish'] } });
    key = await darkroom.newUserKey('critic');
    taskId = await picture();
  });
  afterAll(() => darkroom.close());

  const asUser = () => ({ authorization: `Bearer ${key}` });
  async function picture(): Promise<string> {
    const answer = await darkroom.post('/api/v1/generate-image', small, asUser());
    const { task_id } = (await answer.json()) as { task_id: string };
    await darkroom.finished(task_id);
    return task_id;
  }
  const rate = async (data: Record<string, unknown>): Promise<ShownEvent> => {
    const event = { type: 'generation_feedback', data };
    const answer = await darkroom.post('/api/v1/events', event, asUser());
    expect(answer.status).toBe(202);
    return processed(((await answer.json()) as AcceptedEvent).event_id);
  };
  const processed = (id: string): Promise<ShownEvent> =>
    eventually('the feedback is processed', async () => {
      const found = await darkroom.request(`/api/v1/events/${id}`, { key });
      const event = (await found.json()) as ShownEvent;
      return event.finished_at !== null && event;
    });
  const report = async (query = ''): Promise<FeedbackReport> =>
    (await (await darkroom.request(`/api/v1/admin/feedback${query}`)).json()) as FeedbackReport;
  const outputOf = ({ task_context }: ShownEvent, name: string) =>
    task_context.nodes.find(({ node }) => node === name)!.output;

  it('is kept once for each generation, the newest one, and counted for its model', async () => {
    const other = await picture();
    const first = await rate({ task_id: taskId, rating: 5, text: 'Just right.' });
    expect(first.status).toBe('PROCESSED');
    expect(outputOf(first, 'verdict')).toBe('fine');
    expect(outputOf(first, 'model_figures')).toEqual({ ratings: 1, mean: 5 });
    await rate({ task_id: taskId, rating: 4 });
    const third = await rate({ task_id: other, rating: 3 });
    expect(outputOf(third, 'model_figures')).toEqual({ ratings: 2, mean: 3.5 });
    expect(await report()).toEqual({
      models: [{ model: expect.stringContaining('sketch-v1'), ratings: 2, mean: 3.5, flagged: 0 }],
      flagged: [],
      next_cursor: null,
    });

    // An older event that runs again does not undo the newer one.
    const again = await darkroom.post(`/api/v1/events/${first.event_id}/reprocess`, {}, asUser());
    expect(again.status).toBe(202);
    const second = await processed(first.event_id);
    expect(outputOf(second, 'store')).toEqual({ stored: false });
    expect((await report()).models).toMatchObject([{ ratings: 2, mean: 3.5 }]);
  });

  it('is flagged for admins when it is bad, page by page, until better feedback comes', async () => {
    const [low, rude] = [await picture(), await picture()];
    const bad = await rate({ task_id: low, rating: 2, text: 'Three arms.' });
    expect(outputOf(bad, 'verdict')).toBe('flagged');
    await rate({ task_id: rude, rating: 5, text: 'Not RUBBISH!' });
    const first = await report('?limit=1');
    expect(first.models).toMatchObject([{ flagged: 2 }]);
    expect(first.flagged).toMatchObject([{ task_id: rude, rating: 5, text: 'Not RUBBISH!' }]);
    const second = await report(`?limit=1&cursor=${first.next_cursor}`);
    expect(second).toMatchObject({
      flagged: [{ task_id: low, event_id: bad.event_id, rating: 2, text: 'Three arms.' }],
      next_cursor: null,
    });
    await rate({ task_id: low, rating: 4 });
    expect((await report()).flagged).toMatchObject([{ task_id: rude }]);
  });

  it('on what is not a picture of one’s own fails', async () => {
    const foreign = await darkroom.generate(small);
    await darkroom.finished(foreign);
    darkroom.sketch.misbehave({ kind: 'refuse_bad_field' });
    const answer = await darkroom.post('/api/v1/generate-image', small, asUser());
    const { task_id: failed } = (await answer.json()) as { task_id: string };
    await darkroom.finished(failed);
    for (const task_id of [uuidv7(), foreign, failed]) {
      expect(await rate({ task_id, rating: 1 })).toMatchObject({
        status: 'FAILED',
        error: { code: 'unknown_generation' },
      });
    }
    const { flagged } = await report();
    expect(flagged.map((one) => one.task_id)).not.toContain(foreign);
  });

  it('that is wrong is not accepted, and others do not see the list', async () => {
    const bad: [Record<string, unknown>, string][] = [
      [{ rating: 0 }, 'data.rating'],
      [{ rating: 6 }, 'data.rating'],
      [{ rating: 2.5 }, 'data.rating'],
      [{ task_id: 'x' }, 'data.task_id'],
      [{ text: '' }, 'data.text'],
      [{ text: 'x'.repeat(2_001) }, 'data.text'],
      [{ user_id: uuidv7() }, 'data.user_id'],
    ];
    for (const [more, path] of bad) {
      const data = { task_id: taskId, rating: 3, ...more };
      const answer = await darkroom.post('/api/v1/events', { type: 'generation_feedback', data });
      expect(await badFieldsOf(answer)).toEqual([path]);
    }
    await problemOf(await darkroom.request('/api/v1/admin/feedback', { key }), 403);
  });

  it('goes with the account', async () => {
    const answer = await darkroom.request('/api/v1/users/me', {
      method: 'DELETE',
      key,
      body: '{}',
      headers: { 'content-type': 'application/json' },
    });
    expect(answer.status).toBe(202);
    await eventually('the rows are gone', async () => (await report()).models.length === 0);
    const left = await darkroom.database.query(`SELECT FROM generation_feedback`);
    expect(left).toEqual([]);
  });
});
