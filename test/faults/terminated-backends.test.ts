import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { about } from '../support/about.js';
import { Client } from 'pg';
import { v4 as uuid } from 'uuid';
import { startDarkroom, type TestDarkroom } from '../support/darkroom.js';
import { endConnections } from '../support/end-connections.js';
import { eventually } from '../support/eventually.js';

/** Statements of each part of a picture's way whose moment is chosen; `npm run test:chaos` goes further. */
const moments = process.env['DARKROOM_TEST_KILLS'] === undefined ? 10 : 40;

/** Called with each statement of ours and of BullMQ's, as it is sent. */
let sent: (sql: string) => void = () => {};

type Query = (this: Client, ...args: unknown[]) => unknown;
interface Inside {
  connectionParameters: { application_name?: string };
}
const query = Reflect.get(Client.prototype, 'query') as Query;
Client.prototype.query = function watched(this: Client, ...args: unknown[]) {
  const { application_name: name } = (this as unknown as Inside).connectionParameters;
  const [first] = args;
  const sql = typeof first === 'string' ? first : String((first as { text?: string }).text);
  const answer = query.apply(this, args);
  if (name?.startsWith('darkroom')) sent(sql);
  return answer;
} as unknown as Client['query'];

let darkroom: TestDarkroom;
let killer: Client;
beforeAll(async () => {
  darkroom = await startDarkroom('postgres');
  killer = new Client({ connectionString: darkroom.stores.databaseUrl });
  await killer.connect();
});
afterAll(async () => {
  sent = () => {};
  await killer.end();
  await darkroom.close();
});

/** All connections end at the n-th statement after one that matches. @returns how many ended, once they have */
function endAllAt(n: number, begin: RegExp): Promise<number> {
  return new Promise((resolve, reject) => {
    let counted = -1;
    sent = (sql) => {
      if (counted < 0 && !begin.test(sql)) return;
      if (++counted !== n) return;
      sent = () => {};
      endConnections(killer).then(resolve, reject);
    };
  });
}

async function post(prompt: string, key: string): Promise<Response> {
  return darkroom.post(
    '/api/v1/generate-image',
    { prompt, width: 64, height: 64, steps: 1 },
    { 'idempotency-key': key },
  );
}

const parts = {
  'as it is asked for and drawn': /idempotency_keys/,
  'as its upload begins': /INSERT INTO image_spool/,
};

for (const [when, begin] of Object.entries(parts)) {
  it(`a picture is drawn and stored once, without a retry, when every connection is ended ${when}`, async () => {
    for (let n = 0; n < moments; n++) {
      const prompt = `a lighthouse ${when}, statement ${n}`;
      const key = uuid();
      const drawn = darkroom.sketch.state().jobs.length;
      const ended = endAllAt(n, begin);
      const statuses: number[] = [];
      const id = await eventually('it is accepted', async () => {
        const answer = await post(prompt, key);
        statuses.push(answer.status);
        const body = (await answer.json()) as { task_id?: string };
        return body.task_id;
      });
      await eventually('its picture is stored', async () => {
        const answer = await darkroom.request(`/api/v1/generation-status/${id}`);
        statuses.push(answer.status);
        await answer.arrayBuffer();
        const { rows } = await killer.query(
          `SELECT FROM generated_images WHERE task_id = $1 AND stored_at IS NOT NULL`,
          [id],
        );
        return rows.length === 1;
      });
      expect(await ended).toBeGreaterThan(2);
      const wrong = statuses.filter((status) => ![200, 202, 503].includes(status));
      about(`statement ${n}`, () => expect(wrong).toEqual([]));
      const tasks = await eventually('all is over', async () => {
        const { rows } = await killer.query<Record<string, unknown>>(
          `SELECT name, state, retries, crashes FROM tasks
            WHERE id = $1 OR payload->>'image_id' IN (SELECT id::text FROM generated_images WHERE task_id = $1)
            ORDER BY name`,
          [id],
        );
        return rows.length === 2 && rows.every(({ state }) => state === 'SUCCESS') && rows;
      });
      about(`statement ${n}`, () =>
        expect(tasks.map(({ name, retries, crashes }) => [name, retries, crashes])).toEqual([
          ['generate_image_task', 0, 0],
          ['upload_to_cloud_task', 0, 0],
        ]),
      );
      about(`statement ${n}: drawn once`, () =>
        expect(darkroom.sketch.state().jobs.length).toBe(drawn + 1),
      );
    }
  });
}
