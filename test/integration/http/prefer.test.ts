import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { setTimeout as delay } from 'node:timers/promises';
import { ImageGenerationService } from '../../../src/features/image-generation/image-generation.service.js';
import { TaskStatusService } from '../../../src/features/task-status/task-status.service.js';
import { about } from '../../support/about.js';
import { v4 as uuid } from 'uuid';
import { startDarkroom, type TestDarkroom } from '../../support/darkroom.js';
import { eventually } from '../../support/eventually.js';
import { onBothQueueEngines } from '../../support/on-both-queue-engines.js';

const small = { prompt: 'a lighthouse', width: 64, height: 64, steps: 1, seed: 7 };
const path = '/api/v1/generate-image';

onBothQueueEngines('Prefer: wait, with workers', (engine) => {
  let darkroom: TestDarkroom;
  beforeAll(async () => {
    darkroom = await startDarkroom(engine);
  });
  afterAll(() => darkroom.close());

  it('gets the final status as the answer', async () => {
    const answer = await darkroom.post(path, small, { prefer: 'respond-async, wait=60' });
    about(await answer.clone().text(), () => expect(answer.status).toBe(200));
    expect(answer.headers.get('preference-applied')).toBe('wait=60');
    const waited = (await answer.json()) as { task_id: string; status: string };
    expect(waited.status).toBe('SUCCESS');
    expect(waited).toEqual(await darkroom.status(waited.task_id));
    expect(answer.headers.get('location')!).toMatch(new RegExp(`/${waited.task_id}$`));
  });

  it('gets the same task the second time with an Idempotency-Key', async () => {
    const headers = { prefer: 'wait=60', 'idempotency-key': uuid() };
    const first = await (await darkroom.post(path, small, headers)).json();
    expect(await (await darkroom.post(path, small, headers)).json()).toEqual(first);
  });
});

describe('Prefer: wait, without workers', () => {
  let darkroom: TestDarkroom;
  beforeAll(async () => {
    darkroom = await startDarkroom('postgres', { workers: false });
  });
  afterAll(() => darkroom.close());

  for (const seconds of [0, 1]) {
    it(`gets 202 after ${seconds} s when the task has not ended`, async () => {
      const answer = await darkroom.post(path, small, { prefer: `wait=${seconds}` });
      expect(answer.status).toBe(202);
      expect(answer.headers.get('preference-applied')).toBe(`wait=${seconds}`);
      expect(((await answer.json()) as { status: string }).status).toBe('PENDING');
    });
  }

  it('counts from when the request was received', async () => {
    const generations = darkroom.app.get(ImageGenerationService);
    const waits = jest.spyOn(darkroom.app.get(TaskStatusService), 'wait');
    const accept = generations.accept.bind(generations);
    const slow = jest.spyOn(generations, 'accept').mockImplementationOnce(async (...args) => {
      // So long does it take; the wait has so much less.
      await delay(300);
      return accept(...args);
    });
    await darkroom.post(path, small, { prefer: 'wait=1' });
    slow.mockRestore();
    expect(waits.mock.calls[0]![2].timeoutMs).toBeLessThanOrEqual(700);
    await darkroom.post(path, small, { prefer: 'wait=0' });
    expect(waits.mock.calls[1]![2].timeoutMs).toBe(0);
    waits.mockRestore();
  });

  it('gets the current state when the wait is over', async () => {
    const headers = { prefer: 'wait=10', 'x-request-id': 'failed-once' };
    const waiting = darkroom.post(path, small, headers);
    const fail = `UPDATE tasks SET state = 'RETRY' WHERE correlation_id = 'failed-once' RETURNING id`;
    await eventually(
      'it has failed once',
      async () => (await darkroom.database.query(fail))[1] > 0,
    );
    const answer = await waiting;
    expect(answer.status).toBe(202);
    expect(((await answer.json()) as { status: string }).status).toBe('RETRY');
  });

  for (const prefer of ['', 'wait', 'wait=', 'wait=-1', 'wait=1.5', 'wait=soon', 'await=9']) {
    it(`"${prefer}" is ignored`, async () => {
      const answer = await darkroom.post(path, small, { prefer });
      about(await answer.text(), () => expect(answer.status).toBe(202));
      expect(answer.headers.get('preference-applied')).toBe(null);
    });
  }

  it('is cut to 60 s, and ends when the process does', async () => {
    const headers = { prefer: 'wait=9999999', 'x-request-id': 'held' };
    const waiting = darkroom.post(path, small, headers);
    await eventually('the request is waiting', async () => {
      const held = `SELECT FROM tasks WHERE correlation_id = 'held'`;
      return (await darkroom.database.query(held)).length > 0;
    });
    const closing = darkroom.app.close();
    const answer = await waiting;
    expect(answer.status).toBe(202);
    expect(answer.headers.get('preference-applied')).toBe('wait=60');
    await closing;
  }, 45_000);
});
