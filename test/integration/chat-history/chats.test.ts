import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { v7 as uuidv7 } from 'uuid';
import type { ChatList, MessageList } from '../../../src/features/chat-history/chat-history.dto.js';
import { saveChatHistoryTask } from '../../../src/features/chat-history/chat-history.tasks.js';
import { MaintenanceService } from '../../../src/features/maintenance/maintenance.service.js';
import type { PayloadInput } from '../../../src/tasks/definitions/task-definition.js';
import { TaskHints } from '../../../src/tasks/hints/task-hints.js';
import { TaskClient } from '../../../src/tasks/sending/task-client.js';
import { about } from '../../support/about.js';
import { startDarkroom, type TestDarkroom } from '../../support/darkroom.js';
import { eventually } from '../../support/eventually.js';
import { makeDue } from '../../support/make-due.js';
import { onBothQueueEngines } from '../../support/on-both-queue-engines.js';
import { badFieldsOf, problemOf } from '../../support/problem.js';

type SavePayload = PayloadInput<typeof saveChatHistoryTask>;
const unknown = '01890000-0000-7000-8000-000000000000';
const patience = { timeoutMs: 30_000 };

interface Generation {
  owner: string;
  chat?: string;
  character?: string;
  prompt?: string;
  state?: string;
  code?: string;
  /** Milliseconds since it was sent. */
  age?: number;
}

/** A generation that is over, or is not, without its pictures. @returns its id */
async function generation(
  database: TestDarkroom['database'],
  { state = 'SUCCESS', age = 0, ...one }: Generation,
): Promise<string> {
  const id = uuidv7();
  const payload = {
    prompt: one.prompt ?? 'a prompt',
    chat_id: one.chat,
    character_name: one.character,
  };
  const error = one.code === undefined ? null : { code: one.code, message: 'm', retryable: false };
  await database.query(
    `INSERT INTO tasks (id, name, queue, priority, payload, state, owner_id, error, run_at, created_at, finished_at)
     VALUES ($1, 'generate_image_task', 'high_priority', 5, $2, $3, $4, $5, now() + interval '1 day',
             now() - $6 * interval '1 ms', CASE WHEN $7 THEN now() END)`,
    [id, payload, state, one.owner, error, age, state !== 'PENDING'],
  );
  return id;
}

describe('conversations', () => {
  let darkroom: TestDarkroom;
  const people = new Map<string, { id: string; key: string }>();
  beforeAll(async () => {
    darkroom = await startDarkroom('postgres', { settings: { chatRetentionDays: 30 } });
  });
  afterAll(() => darkroom.close());

  async function person(name: string): Promise<{ id: string; key: string }> {
    const known = people.get(name);
    if (known) return known;
    const key = await darkroom.newUserKey(name);
    const [{ id }] = await darkroom.database.query(`SELECT id FROM users WHERE name = $1`, [name]);
    people.set(name, { id, key });
    return { id, key };
  }
  const call = (verb: string, path: string, key: string) =>
    darkroom.request(`/api/v1/chats${path}`, { method: verb, key });
  async function json<T>(answer: Response): Promise<T> {
    about(await answer.clone().text(), () => expect(answer.status).toBe(200));
    return (await answer.json()) as T;
  }
  const chatsOf = async (key: string, query = '') => json<ChatList>(await call('GET', query, key));
  const messagesOf = async (key: string, name: string, query = '') =>
    json<MessageList>(await call('GET', `/${encodeURIComponent(name)}/messages${query}`, key));
  async function save(payload: SavePayload, ownerId?: string) {
    const sending = ownerId === undefined ? {} : { ownerId };
    const client = darkroom.app.get(TaskClient);
    const sent = await client.send(
      darkroom.database.manager,
      saveChatHistoryTask,
      payload,
      sending,
    );
    return sent.get(patience);
  }
  async function saved(one: Generation): Promise<string> {
    const task_id = await generation(darkroom.database, one);
    await save({ task_id });
    return task_id;
  }

  it('have the prompt, the pictures and the outcome of each generation', async () => {
    const { id: owner, key } = await person('ann');
    const posted = await darkroom.request('/api/v1/generate-image', {
      method: 'POST',
      key,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        prompt: 'a fox', width: 64, height: 64, steps: 1, batch_size: 2, chat_id: 'c', character_name: 'Ada',
      }), // prettier-ignore
    });
    const { task_id } = (await posted.json()) as { task_id: string };
    const { result, created_at } = await darkroom.finished(task_id);
    expect(await save({ task_id })).toEqual({ id: expect.any(String), chat_id: 'c' });
    const failed = await saved({
      owner,
      chat: 'c',
      state: 'FAILURE',
      code: 'engine_failed',
      age: -1,
    });
    const revoked = await saved({ owner, chat: 'c', state: 'REVOKED', code: 'revoked', age: -2 });
    const { messages } = await messagesOf(key, 'c');
    expect(messages.map((one) => [one.task_id, one.status, one.error_code])).toEqual([
      [revoked, 'REVOKED', 'revoked'],
      [failed, 'FAILURE', 'engine_failed'],
      [task_id, 'SUCCESS', null],
    ]);
    expect(messages[2]).toEqual({
      task_id,
      created_at,
      user_message: 'a fox',
      bot_response: null,
      status: 'SUCCESS',
      error_code: null,
      images: result!.images,
    });
    const { chats } = await chatsOf(key);
    expect(chats).toEqual([
      {
        id: expect.any(String),
        chat_id: 'c',
        character_name: 'Ada',
        title: 'a fox',
        message_count: 3,
        created_at: expect.any(String),
        last_message_at: messages[0]!.created_at,
      },
    ]);
    // A picture that is deleted is in no message any more.
    const [gone, left] = result!.images;
    await darkroom.request(gone!.url, { method: 'DELETE', key });
    expect((await messagesOf(key, 'c')).messages[2]!.images).toEqual([left]);
  });

  it('are found by the name of the client, else by character; without both nothing is saved', async () => {
    const { id: owner, key } = await person('bea');
    const other = await person('cid');
    await saved({ owner, chat: 'one', character: 'Eve', age: 4 });
    await saved({ owner, chat: 'one', character: 'Eva', age: 3 });
    await saved({ owner, character: 'Eve', age: 2 });
    await saved({ owner, character: 'Eve', age: 1 });
    await saved({ owner: other.id, chat: 'one' });
    expect(await save({ task_id: await generation(darkroom.database, { owner }) })).toBe(null);
    expect(await save({ task_id: uuidv7() })).toBe(null);
    const { chats } = await chatsOf(key);
    expect(chats.map((c) => [c.chat_id, c.character_name, c.message_count])).toEqual([
      [null, 'Eve', 2],
      ['one', 'Eve', 2],
    ]);
    expect((await messagesOf(key, chats[0]!.id)).messages.length).toBe(2);
    expect((await messagesOf(key, chats[1]!.id)).messages.length).toBe(2);
    expect((await messagesOf(other.key, 'one')).messages.length).toBe(1);
  });

  it('are in the order in which their messages were sent, however they ended', async () => {
    const { id: owner, key } = await person('dan');
    const ids: string[] = [];
    // Of the same millisecond, too.
    const ages = [900, 800, 800, 700, 600, 600, 600, 500];
    for (const age of ages)
      ids.push(await generation(darkroom.database, { owner, chat: 'o', age }));
    for (const task_id of [5, 0, 7, 2, 1, 6, 3, 4].map((n) => ids[n]!)) await save({ task_id });
    await darkroom.database.query(
      `UPDATE chat_messages SET created_at = current_date - 1 WHERE task_id = ANY($1)`,
      [ids.slice(4, 7)],
    );
    await darkroom.database.query(
      `UPDATE chat_messages SET created_at = current_date - 2 WHERE task_id = $1`,
      [ids[0]],
    );
    const all = (await messagesOf(key, 'o')).messages.map((one) => one.task_id);
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const query: string = `?limit=3${cursor === null ? '' : `&cursor=${cursor}`}`;
      const page: MessageList = await messagesOf(key, 'o', query);
      seen.push(...page.messages.map((one) => one.task_id));
      cursor = page.next_cursor;
    } while (cursor !== null);
    expect(seen).toEqual(all);
    expect([...seen].toSorted()).toEqual([...ids].toSorted());
    expect(all.slice(4)).toEqual([...ids.slice(4, 7).toReversed(), ids[0]]);
    expect(all.slice(0, 4)).toEqual([ids[7], ids[3], ...all.slice(2, 4)]);
  });

  it('have pages, the one with the newest message first', async () => {
    const { id: owner, key } = await person('eli');
    for (let n = 0; n < 7; n++) await saved({ owner, chat: `chat ${n}`, age: 60_000 * n });
    const seen: (string | null)[] = [];
    let cursor: string | null = null;
    do {
      const query: string = `?limit=3${cursor === null ? '' : `&cursor=${cursor}`}`;
      const page: ChatList = await chatsOf(key, query);
      seen.push(...page.chats.map((chat) => chat.chat_id));
      cursor = page.next_cursor;
    } while (cursor !== null);
    expect(seen).toEqual([0, 1, 2, 3, 4, 5, 6].map((n) => `chat ${n}`));
  });

  it('may have any name: it is in the path as a URL has it', async () => {
    const { id: owner, key } = await person('fay');
    const names = [
      'a/b',
      'a b',
      '?x=1#y',
      '100%',
      'ж'.repeat(200),
      '😀',
      '%2F',
      "' OR 1=1 --",
      unknown,
    ];
    for (const chat of names) await saved({ owner, chat, prompt: chat });
    for (const chat of names) {
      const { messages } = await messagesOf(key, chat);
      about(chat, () => expect(messages.map((one) => one.user_message)).toEqual([chat]));
    }
    expect((await call('GET', `/${'x'.repeat(201)}/messages`, key)).status).toBe(414);
    for (const name of ['%00', 'x', uuidv7()]) {
      await problemOf(await call('GET', `/${name}/messages`, key), 404, 'not_found');
      await problemOf(await call('DELETE', `/${name}`, key), 404, 'not_found');
    }
    for (const query of ['limit=0', 'limit=101', 'cursor=x', 'x=1', `cursor=${unknown}`]) {
      await badFieldsOf(await call('GET', `?${query}`, key));
      await badFieldsOf(await call('GET', `/x/messages?${query}`, key));
    }
  });

  it('that are deleted are gone, with what was sent before and ends later; pictures stay (security 7)', async () => {
    const { id: owner, key } = await person('gus');
    const stranger = await person('hal');
    await saved({ owner, chat: 'mine', character: 'Eve', age: 1_000 });
    const earlier = await generation(darkroom.database, { owner, chat: 'mine' });
    await problemOf(await call('DELETE', '/mine', stranger.key), 404, 'not_found');
    const id = (await chatsOf(key)).chats[0]!.id;
    await problemOf(await call('DELETE', `/${id}`, stranger.key), 404, 'not_found');
    expect((await call('DELETE', '/mine', key)).status).toBe(204);
    await problemOf(await call('DELETE', '/mine', key), 404, 'not_found');
    await problemOf(await call('GET', '/mine/messages', key), 404, 'not_found');
    expect(await save({ task_id: earlier })).toBe(null);
    expect((await chatsOf(key)).chats).toEqual([]);
    const later = await generation(darkroom.database, { owner, chat: 'mine', age: -1_000 });
    await save({ task_id: later });
    const { chats } = await chatsOf(key);
    expect(chats.map((c) => [c.chat_id, c.character_name, c.message_count])).toEqual([
      ['mine', null, 1],
    ]);
  });

  it('take messages as callers of the original task have them', async () => {
    const { id: owner, key } = await person('ida');
    const message = { chat_id: 'said', user_message: 'hello' };
    await save({ ...message, user_id: owner });
    await save(
      { ...message, bot_response: 'hi', image_ids: [uuidv7()], character_name: 'Eve' },
      owner,
    );
    const { messages } = await messagesOf(key, 'said');
    expect(
      messages.map((one) => [one.user_message, one.bot_response, one.status, one.images]),
    ).toEqual([
      ['hello', 'hi', 'SUCCESS', []],
      ['hello', null, 'SUCCESS', []],
    ]);
    expect(await save({ ...message, user_id: uuidv7() })).toBe(null);
    await expect(save(message)).rejects.toThrow('no_user');
    const wrong = [
      { user_message: 'x' },
      { chat_id: 'x' },
      { chat_id: '', user_message: 'x' },
      { chat_id: 'x', user_message: '\u0000' },
      { chat_id: 'x'.repeat(201), user_message: 'x' },
      { chat_id: 'x', user_message: 'x', image_ids: ['x'] },
      { chat_id: 'x', user_message: 'x', role: 'admin' },
      { task_id: 'x' },
    ];
    for (const payload of wrong) {
      await expect(save(payload as unknown as SavePayload)).rejects.toThrow();
    }
  });

  it('show pictures of their owner only, whatever ids a caller names (security 7)', async () => {
    const { id: owner, key } = await person('jon');
    const id = uuidv7();
    await darkroom.database.query(
      `INSERT INTO generated_images (id, task_id, owner_id, index, width, height, content_type, bytes, sha256, seed)
       VALUES ($1, $1, $2, 0, 64, 64, 'image/png', 1, '\\x00', 1)`,
      [id, (await person('ann')).id],
    );
    await save({ chat_id: 'x', user_message: 'x', user_id: owner, image_ids: [id] });
    expect((await messagesOf(key, 'x')).messages[0]!.images).toEqual([]);
  });

  it('go after their retention, message by message', async () => {
    const { id: owner, key } = await person('kim');
    const day = 86_400_000;
    await saved({ owner, chat: 'old', age: 31 * day });
    await saved({ owner, chat: 'both', age: 31 * day });
    await saved({ owner, chat: 'both', age: 29 * day });
    await saved({ owner, chat: 'deleted' });
    await call('DELETE', '/deleted', key);
    await darkroom.database.query(
      `UPDATE chats SET cleared_at = now() - interval '31 days' WHERE chat_id = 'deleted'`,
    );
    const service = darkroom.app.get(MaintenanceService);
    const deleted = await service.deleteOldRows(new AbortController().signal);
    const counts = ['chat_messages', 'chats', 'deleted_chats'].map((what) => deleted[what]);
    expect(counts).toEqual([2, 1, 1]);
    const { chats } = await chatsOf(key);
    expect(chats.map((c) => [c.chat_id, c.message_count])).toEqual([['both', 1]]);
  });
});

onBothQueueEngines('save_chat_history_task', (engine) => {
  let darkroom: TestDarkroom;
  let owner: string;
  beforeAll(async () => {
    darkroom = await startDarkroom(engine);
    const [user] = await darkroom.database.query<{ id: string }[]>(`SELECT id FROM users`);
    owner = user!.id;
  });
  afterAll(() => darkroom.close());

  const send = (task_id: string) =>
    darkroom.app
      .get(TaskClient)
      .send(darkroom.database.manager, saveChatHistoryTask, { task_id }, { ownerId: owner });

  it('saves a generation once, however often it is sent (I8)', async () => {
    const tasks = await Promise.all(
      Array.from({ length: 4 }, () => generation(darkroom.database, { owner, chat: 'c' })),
    );
    const sent = await Promise.all([...tasks, ...tasks, ...tasks].map(send));
    const results = await Promise.all(sent.map((one) => one.get(patience)));
    expect(new Set(results.map((one) => one!.id)).size).toBe(1);
    const messages = await darkroom.database.query<{ task_id: string }[]>(
      `SELECT task_id FROM chat_messages`,
    );
    expect(messages.map((one) => one.task_id).toSorted()).toEqual(tasks.toSorted());
  });

  it('waits for a generation that is not over yet', async () => {
    const { database } = darkroom;
    const open = await generation(database, { owner, chat: 'open', state: 'PENDING' });
    const sent = await send(open);
    await eventually('it waits', async () => (await sent.status()) === 'RETRY');
    await database.query(`UPDATE tasks SET state = 'SUCCESS', finished_at = now() WHERE id = $1`, [
      open,
    ]);
    await makeDue(database, darkroom.app.get(TaskHints), sent.id);
    expect(await sent.get(patience)).toEqual({ id: expect.any(String), chat_id: 'open' });
  });
});
