import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { about } from '../support/about.js';
import { v4 as uuid } from 'uuid';
import { startDarkroom, type TestDarkroom } from '../support/darkroom.js';
import { loseNone, loseThe } from '../support/lose-connections.js';

const body = { prompt: 'a lighthouse', width: 64, height: 64, steps: 1 };
const path = '/api/v1/generate-image';
/** More than one request or one picture sends. */
const most = 80;

let darkroom: TestDarkroom;
let api: TestDarkroom;
beforeAll(async () => {
  darkroom = await startDarkroom('postgres');
  api = await startDarkroom('postgres', { workers: false });
});
afterAll(async () => {
  loseNone();
  await darkroom.close();
  await api.close();
});

it('a request whose connection is lost at any statement gets 202 or 503, and makes one task', async () => {
  for (let n = 1; n <= 12; n++) {
    const headers = { 'idempotency-key': uuid() };
    loseThe(n);
    const first = await api.post(path, body, headers);
    loseNone();
    about(`statement ${n}: ${await first.text()}`, () =>
      expect(String(first.status)).toMatch(/^(202|503)$/),
    );
    const again = await api.post(path, body, headers);
    about(`statement ${n}, again`, () => expect(again.status).toBe(202));
  }
  const [{ tasks }] = await api.database.query('SELECT count(*)::int AS tasks FROM tasks');
  expect(tasks).toBe(12);
});

it('other routes answer as usual or with 503 when the connection is lost at any statement', async () => {
  const id = await darkroom.generate(body);
  const [image] = (await darkroom.finished(id)).result!.images;
  for (const route of [
    `/api/v1/generation-status/${id}`,
    `/api/v1/task_status/${id}`,
    image!.url,
  ]) {
    for (let n = 1; n <= 6; n++) {
      loseThe(n);
      const answer = await darkroom.request(route, { redirect: 'manual' });
      await answer.arrayBuffer();
      loseNone();
      about(`${route}, statement ${n}`, () => expect(String(answer.status)).toMatch(/^(200|503)$/));
    }
  }
});

it('a picture is drawn once, without a retry, when its worker loses its connection at any statement', async () => {
  for (let n = 1; ; n++) {
    expect(n).toBeLessThanOrEqual(most);
    const prompt = `a lighthouse, statement ${n}`;
    const id = await darkroom.generate({ ...body, prompt });
    const drawn = darkroom.sketch.state().jobs.length;
    const happened = loseThe(n);
    const status = await darkroom.finished(id);
    loseNone();
    about(`statement ${n}: ${JSON.stringify(status.error)}`, () =>
      expect(status.status).toBe('SUCCESS'),
    );
    const [task] = await darkroom.database.query(
      `SELECT retries, crashes, (SELECT count(*)::int FROM generated_images WHERE task_id = tasks.id) AS images
         FROM tasks WHERE id = $1`,
      [id],
    );
    about(`statement ${n}`, () => expect(task).toEqual({ retries: 0, crashes: 0, images: 1 }));
    about(`statement ${n}: drawn once`, () =>
      expect(darkroom.sketch.state().jobs.length).toBe(drawn + 1),
    );
    if (!happened()) return;
  }
});
