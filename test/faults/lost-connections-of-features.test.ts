import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Client } from 'pg';
import sharp from 'sharp';
import { v7 as uuidv7 } from 'uuid';
import { CreditCheck } from '../../src/features/credits/credit-check.js';
import { MailOutbox } from '../../src/features/email/mail-outbox.js';
import { WebhookEvents } from '../../src/features/webhooks/webhook-events.js';
import { inTransaction, type Transaction } from '../../src/infrastructure/database/transaction.js';
import { about } from '../support/about.js';
import { startDarkroom, type TestDarkroom } from '../support/darkroom.js';
import { eventually } from '../support/eventually.js';
import { openReceiver, type HookReceiver } from '../support/hook-receiver.js';
import { loseNone, loseThe } from '../support/lose-connections.js';
import { openMailbox, type Mailbox } from '../support/mailbox.js';

const body = { prompt: 'a lighthouse', width: 64, height: 64, steps: 1 };
/** More than one request or one delivery sends. */
const most = 80;

let darkroom: TestDarkroom;
/** Runs nothing, so its statements are those of its requests. */
let api: TestDarkroom;
/** Loses no connection. */
let watcher: Client;
let mailbox: Mailbox;
let receiver: HookReceiver;
beforeAll(async () => {
  mailbox = await openMailbox();
  receiver = await openReceiver();
  darkroom = await startDarkroom('postgres', {
    settings: {
      webhookAllowHttp: true,
      webhookAllowedHosts: ['127.0.0.1'],
      smtpUrl: mailbox.url,
      mailFrom: 'Darkroom <no-reply@darkroom.example>',
      publicOrigin: 'https://darkroom.example',
    },
  });
  watcher = new Client({ connectionString: darkroom.stores.databaseUrl });
  await watcher.connect();
  api = await startDarkroom('postgres', { workers: false });
});
afterAll(async () => {
  loseNone();
  await watcher.end();
  await darkroom.close();
  await api.close();
  await mailbox.close();
  receiver.close();
});

/**
 * Makes a request for each statement that it sends, and has that one lose its connection; then makes it again.
 *
 * @param good the statuses of the first, besides 503
 * @param again the statuses of the second
 */
async function sweep(
  prepare: (n: number) => Promise<() => Promise<Response>>,
  good: number[],
  again: number[],
): Promise<void> {
  for (let n = 1; ; n++) {
    expect(n).toBeLessThanOrEqual(most);
    const ask = await prepare(n);
    const happened = loseThe(n);
    const first = await ask();
    loseNone();
    about(`statement ${n}: ${await first.text()}`, () =>
      expect([...good, 503]).toContain(first.status),
    );
    const second = await ask();
    about(`statement ${n}, again: ${await second.text()}`, () =>
      expect(again).toContain(second.status),
    );
    if (!happened()) return;
  }
}

it('an upload is kept once, whichever statement loses its connection', async () => {
  let uploads = 0;
  await sweep(
    async (n) => {
      uploads = n;
      const background = { r: n, g: 9, b: 9 };
      const picture = await sharp({ create: { width: 8, height: 8, channels: 3, background } })
        .png()
        .toBuffer();
      return () =>
        api.request('/api/v1/uploads', {
          method: 'POST',
          body: new Uint8Array(picture),
          headers: { 'content-type': 'image/png' },
        });
    },
    // 200: it was kept, only the answer was lost.
    [200, 201],
    [200, 201],
  );
  const [kept] = await api.database.query(
    `SELECT (SELECT count(*) FROM stored_files)::int AS files,
            (SELECT count(DISTINCT sha256) FROM stored_files)::int AS pictures`,
  );
  expect(kept).toEqual({ files: uploads, pictures: uploads });
});

it('a task is revoked and its hold released once, whichever statement loses its connection', async () => {
  const ids: string[] = [];
  await sweep(
    async () => {
      const id = await api.generate(body);
      ids.push(id);
      return () => api.request(`/api/v1/tasks/${id}/revoke`, { method: 'POST' });
    },
    [200],
    [200],
  );
  const states = await api.database.query('SELECT DISTINCT state FROM tasks WHERE id = ANY($1)', [
    ids,
  ]);
  expect(states).toEqual([{ state: 'REVOKED' }]);
  expect(await new CreditCheck(api.database).broken()).toEqual([]);
});

it('a conversation is deleted, whichever statement loses its connection', async () => {
  const [{ id: owner }] = await api.database.query('SELECT id FROM users LIMIT 1');
  await sweep(
    async (n) => {
      const chat = uuidv7();
      await api.database.query(
        `INSERT INTO chats (id, owner_id, chat_id, last_message_at) VALUES ($1, $2, $3, now())`,
        [chat, owner, `chat ${n}`],
      );
      await api.database.query(
        `INSERT INTO chat_messages (task_id, chat, created_at, user_message, image_ids, status)
         VALUES ($1, $2, now(), 'a fox', '{}', 'SUCCESS')`,
        [uuidv7(), chat],
      );
      return () => api.request(`/api/v1/chats/chat%20${n}`, { method: 'DELETE' });
    },
    [204],
    [204, 404],
  );
  expect(await api.database.query(`SELECT FROM chat_messages`)).toEqual([]);
});

interface Attempted {
  state: string;
  retries: number;
  crashes: number;
  finished_at: Date | null;
}

/** Has a task of `name` sent for each statement that its attempt sends, and has that one lose its connection. */
async function sweepTask(
  name: string,
  send: (tx: Transaction, n: number) => Promise<unknown>,
): Promise<number> {
  for (let n = 1; ; n++) {
    expect(n).toBeLessThanOrEqual(most);
    const happened = loseThe(n);
    await inTransaction(darkroom.database, (tx) => send(tx, n));
    const tasks = await eventually(`the task of ${n} is over`, async () => {
      const { rows } = await watcher.query<Attempted>(
        'SELECT state, retries, crashes, finished_at FROM tasks WHERE name = $1',
        [name],
      );
      return rows.length === n && rows.every((task) => task.finished_at) && rows;
    });
    loseNone();
    for (const { state, retries, crashes } of tasks) {
      about(`statement ${n}`, () => expect([state, retries, crashes]).toEqual(['SUCCESS', 0, 0]));
    }
    if (!happened()) return n;
  }
}

it('a webhook is delivered once and without a retry, whichever statement loses its connection', async () => {
  const key = await darkroom.newUserKey('hooked');
  const [{ id: userId }] = await darkroom.database.query(
    `SELECT id FROM users WHERE name = 'hooked'`,
  );
  const made = await darkroom.request('/api/v1/webhooks', {
    method: 'POST',
    key,
    body: JSON.stringify({ url: receiver.url }),
    headers: { 'content-type': 'application/json' },
  });
  expect(made.status).toBe(201);
  const events = darkroom.app.get(WebhookEvents);
  const sent = await sweepTask('deliver_webhook_task', (tx, n) =>
    events.announce(tx, {
      type: 'task.succeeded',
      userId,
      key: `event ${n}`,
      data: { task_id: uuidv7(), status: 'SUCCESS' },
    }),
  );
  const ids = receiver.received.map(({ headers }) => headers['webhook-id']);
  expect([ids.length, new Set(ids).size]).toEqual([sent, sent]);
});

it('a mail is sent once and without a retry, whichever statement loses its connection', async () => {
  const [userId, address] = [uuidv7(), 'ann@example.com'];
  await darkroom.database.query(
    `INSERT INTO users (id, name, role, email) VALUES ($1, $2, 'user', $2)`,
    [userId, address],
  );
  const keys = Array.from({ length: most + 1 }, () => uuidv7());
  const outbox = darkroom.app.get(MailOutbox, { strict: false });
  const sent = await sweepTask('send_email_task', (tx, n) =>
    outbox.add(tx, {
      template: 'picture_ready',
      userId,
      key: keys[n]!,
      values: { image_id: uuidv7(), prompt: `picture ${n}` },
    }),
  );
  const ids = mailbox.mails.map(({ messageId }) => messageId);
  expect([ids.length, new Set(ids).size]).toEqual([sent, sent]);
});
