import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { Client } from 'pg';
import { v4 as uuid } from 'uuid';
import { startDarkroom, type TestDarkroom } from '../support/darkroom.js';

/** Decides which of our statements loses its connection in the moment it is sent. */
let lost: (sql: string) => boolean = () => false;

type Query = (this: Client, ...args: unknown[]) => unknown;
interface Inside {
  connectionParameters: { application_name?: string };
  connection: { stream: { destroy(): void } };
}
const query = Reflect.get(Client.prototype, 'query') as Query;
Client.prototype.query = function lossy(this: Client, ...args: unknown[]) {
  const { connection, connectionParameters } = this as unknown as Inside;
  const [first] = args;
  const sql = typeof first === 'string' ? first : String((first as { text?: string }).text);
  const ours = connectionParameters.application_name === 'darkroom';
  const answer = query.apply(this, args);
  if (ours && lost(sql)) connection.stream.destroy();
  return answer;
} as unknown as Client['query'];

/** The n-th statement from now on loses its connection. @returns whether there was an n-th, so far */
function loseThe(n: number): () => boolean {
  let sent = 0;
  lost = () => ++sent === n;
  return () => sent >= n;
}

const body = { prompt: 'a lighthouse', width: 64, height: 64, steps: 1 };
const path = '/api/v1/generate-image';
/** More than one request or one picture sends. */
const most = 80;

let darkroom: TestDarkroom;
let api: TestDarkroom;
before(async () => {
  darkroom = await startDarkroom('postgres');
  api = await startDarkroom('postgres', { workers: false });
});
after(async () => {
  lost = () => false;
  await darkroom.close();
  await api.close();
});

it('a request whose connection is lost at any statement: 202 or 503, and one task', async () => {
  for (let n = 1; n <= 12; n++) {
    const headers = { 'idempotency-key': uuid() };
    loseThe(n);
    const first = await api.post(path, body, headers);
    lost = () => false;
    assert.match(String(first.status), /^(202|503)$/, `statement ${n}: ${await first.text()}`);
    const again = await api.post(path, body, headers);
    assert.equal(again.status, 202, `statement ${n}, again`);
  }
  const [{ tasks }] = await api.database.query('SELECT count(*)::int AS tasks FROM tasks');
  assert.equal(tasks, 12);
});

it('other routes whose connection is lost at any statement: their answer or 503', async () => {
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
      lost = () => false;
      assert.match(String(answer.status), /^(200|503)$/, `${route}, statement ${n}`);
    }
  }
});

it('a picture whose worker loses its connection at any statement: no retry, drawn once', async () => {
  for (let n = 1; ; n++) {
    assert.ok(n <= most, 'fewer statements than that make a picture');
    const prompt = `a lighthouse, statement ${n}`;
    const id = await darkroom.generate({ ...body, prompt });
    const drawn = darkroom.sketch.state().jobs.length;
    const happened = loseThe(n);
    const status = await darkroom.finished(id, 60_000);
    lost = () => false;
    assert.equal(status.status, 'SUCCESS', `statement ${n}: ${JSON.stringify(status.error)}`);
    const [task] = await darkroom.database.query(
      `SELECT retries, crashes, (SELECT count(*)::int FROM generated_images WHERE task_id = tasks.id) AS images
         FROM tasks WHERE id = $1`,
      [id],
    );
    assert.deepEqual(task, { retries: 0, crashes: 0, images: 1 }, `statement ${n}`);
    assert.equal(darkroom.sketch.state().jobs.length, drawn + 1, `statement ${n}: drawn once`);
    if (!happened()) return;
  }
});
