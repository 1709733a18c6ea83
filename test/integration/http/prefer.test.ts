import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { v4 as uuid } from 'uuid';
import { startDarkroom, type TestDarkroom } from '../../support/darkroom.js';
import { eventually } from '../../support/eventually.js';
import { onBothQueueEngines } from '../../support/queue-engines.js';

const small = { prompt: 'a lighthouse', width: 64, height: 64, steps: 1, seed: 7 };
const path = '/api/v1/generate-image';

onBothQueueEngines('Prefer: wait, with workers', (engine) => {
  let darkroom: TestDarkroom;
  before(async () => {
    darkroom = await startDarkroom(engine);
  });
  after(() => darkroom.close());

  it('the answer is the final status', async () => {
    const answer = await darkroom.post(path, small, { prefer: 'respond-async, wait=30' });
    assert.equal(answer.status, 200, await answer.clone().text());
    assert.equal(answer.headers.get('preference-applied'), 'wait=30');
    const waited = (await answer.json()) as { task_id: string; status: string };
    assert.equal(waited.status, 'SUCCESS');
    assert.deepEqual(waited, await darkroom.status(waited.task_id));
    assert.match(answer.headers.get('location')!, new RegExp(`/${waited.task_id}$`));
  });

  it('with an Idempotency-Key, the second time is the same task', async () => {
    const headers = { prefer: 'wait=30', 'idempotency-key': uuid() };
    const first = await (await darkroom.post(path, small, headers)).json();
    assert.deepEqual(await (await darkroom.post(path, small, headers)).json(), first);
  });
});

describe('Prefer: wait, without workers', () => {
  let darkroom: TestDarkroom;
  before(async () => {
    darkroom = await startDarkroom('postgres', { workers: false });
  });
  after(() => darkroom.close());

  for (const seconds of [0, 1]) {
    it(`is accepted after ${seconds} s when it has not ended`, async () => {
      const answer = await darkroom.post(path, small, { prefer: `wait=${seconds}` });
      assert.equal(answer.status, 202);
      assert.equal(answer.headers.get('preference-applied'), `wait=${seconds}`);
      assert.equal(((await answer.json()) as { status: string }).status, 'PENDING');
    });
  }

  for (const prefer of ['', 'wait', 'wait=', 'wait=-1', 'wait=1.5', 'wait=soon', 'await=9']) {
    it(`"${prefer}" is ignored`, async () => {
      const answer = await darkroom.post(path, small, { prefer });
      assert.equal(answer.status, 202, await answer.text());
      assert.equal(answer.headers.get('preference-applied'), null);
    });
  }

  it('a longer one is cut to 60 s and ends with the process', { timeout: 45_000 }, async () => {
    const headers = { prefer: 'wait=9999999', 'x-request-id': 'held' };
    const waiting = darkroom.post(path, small, headers);
    await eventually('the request is waiting', async () => {
      const held = `SELECT FROM tasks WHERE correlation_id = 'held'`;
      return (await darkroom.database.query(held)).length > 0;
    });
    const closing = darkroom.app.close();
    const answer = await waiting;
    assert.equal(answer.status, 202);
    assert.equal(answer.headers.get('preference-applied'), 'wait=60');
    await closing;
  });
});
