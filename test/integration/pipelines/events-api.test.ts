import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Webhook } from 'standardwebhooks';
import { v4 as uuidv4 } from 'uuid';
import { workerFeatures } from '../../../src/worker-features.js';
import { startDarkroom, type TestDarkroom } from '../../support/darkroom.js';
import { eventually } from '../../support/eventually.js';
import { StoryModule } from '../../support/story-module.js';
import { makeStoryTable } from '../../support/story-pipeline.js';

/** What the answers have. */
interface Body {
  message: string;
  event_id: string;
  task_id: string;
  code: string;
  errors: { path: string; message: string }[];
  events: { event_id: string }[];
  sources: { last_used_at: string | null; secret?: string }[];
  secret: string;
}

interface Shown {
  status: string;
  task_id: string;
  error: { code: string } | null;
  runs: { task_id: string; state: string }[];
  task_context: { nodes: { node: string; state: string; output: unknown; seconds: number }[] };
  drawing: string;
}

describe('events', () => {
  let darkroom: TestDarkroom;
  let alice: string;
  let bob: string;
  beforeAll(async () => {
    workerFeatures.push(StoryModule);
    darkroom = await startDarkroom('postgres');
    await makeStoryTable(darkroom.database);
    [alice, bob] = [await darkroom.newUserKey('alice'), await darkroom.newUserKey('bob')];
  });
  afterAll(() => darkroom.close());

  const story = (data: object = { hero: 'Ada' }, more: object = {}) => {
    return { type: 'test_story', data, ...more };
  };
  async function answerOf(response: Response) {
    return { status: response.status, body: (await response.json()) as Body };
  }
  const as = (key: string) => ({ authorization: `Bearer ${key}` });
  const send = async (body: unknown, path = '/api/v1/events', key = alice) =>
    answerOf(await darkroom.post(path, body, as(key)));
  const read = async (id: string, key = alice) =>
    (await answerOf(await darkroom.request(`/api/v1/events/${id}`, { key })))
      .body as unknown as Shown;
  const over = (id: string) =>
    eventually(`event ${id} is over`, async () => {
      const now = await read(id);
      return now.status !== 'ACCEPTED' && now;
    });

  it('are accepted at once, and show what their pipeline has done', async () => {
    for (const path of ['/events', '/api/v1/events']) {
      const { status, body } = await send(story(), path);
      expect(status).toBe(202);
      const { message, task_id: task, event_id: id } = body;
      expect(message).toBe(`process_incoming_event started \`${task}\``);
      const event = await over(id);
      expect([event.status, event.error]).toEqual(['PROCESSED', null]);
      expect(event.runs).toEqual([expect.objectContaining({ task_id: task, state: 'SUCCESS' })]);
      const { nodes } = event.task_context;
      expect(nodes.map(({ node }) => node).at(-1)).toBe('elasticsearch_index');
      const end = nodes.find(({ node }) => node === 'end')!;
      expect(end.output).toEqual({ text: 'rests, left, after 0, 42' });
      expect(end.seconds).toBeGreaterThanOrEqual(0);
      expect(event.drawing).toMatch(/class n_begin,.* done\n/);
      const task_status = await darkroom.request(`/api/v1/task_status/${task}`, { key: alice });
      expect(((await task_status.json()) as { status: string }).status).toBe('SUCCESS');
    }
  });

  it('are refused with the fields that are wrong', async () => {
    const unknown = await send({ type: 'nothing', data: {} });
    expect(unknown.status).toBe(422);
    const { path, message } = unknown.body.errors[0]!;
    expect([path, message]).toEqual(['type', expect.stringContaining('test_story')]);
    const wrong = await send(story({ hero: 5, foe: 'Bug' }));
    const paths = wrong.body.errors.map((error) => error.path);
    expect([wrong.status, paths]).toEqual([422, ['data.hero', 'data.foe']]);
    for (const body of [
      {},
      { type: 'test_story' },
      story([]),
      story({ hero: 'a\u0000' }),
      story({}, { id: '' }),
    ]) {
      expect((await send(body)).status).toBe(422);
    }
  });

  it('with an id of their sender are stored once', async () => {
    const twice = story({ hero: 'Ada' }, { id: 'order-1' });
    const all = await Promise.all(Array.from({ length: 20 }, () => send(twice)));
    expect(new Set(all.map(({ status }) => status))).toEqual(new Set([202]));
    expect(new Set(all.map(({ body }) => body.event_id)).size).toBe(1);
    const other = await send(story({ hero: 'Bea' }, { id: 'order-1' }));
    expect([other.status, other.body.code]).toEqual([409, 'event_id_reused']);
    const bobs = await send(twice, '/events', bob);
    expect(bobs.body.event_id).not.toBe(all[0]!.body.event_id);
  });

  it('can be sent in batches of a thousand, all or none', async () => {
    const events = Array.from({ length: 1_000 }, (_, n) =>
      story({ hero: `${n}`, task: 'fail' }, { id: `b${n}` }),
    );
    const { status, body } = await send({ events }, '/api/v1/events/batch');
    expect(status).toBe(202);
    const ids = body.events.map(({ event_id }) => event_id);
    expect(new Set(ids).size).toBe(1_000);
    expect((await send({ events }, '/events/batch')).body.events).toEqual(body.events);
    const count = async () => {
      const sql = `SELECT count(*)::int AS n FROM events WHERE producer_id LIKE 'c%'`;
      return (await darkroom.database.query(sql))[0].n;
    };
    const bad = [story({}, { id: 'c1' }), story({ hero: 'a' }, { id: 'c2' })];
    const refused = await send({ events: bad }, '/events/batch');
    expect(refused.status).toBe(422);
    expect(refused.body.errors[0]!.path).toBe('events.0.data.hero');
    const reused = [story({ hero: 'a' }, { id: 'c3' }), story({ hero: 'b' }, { id: 'b1' })];
    const conflict = await send({ events: reused }, '/events/batch');
    expect([conflict.status, conflict.body.errors[0]!.path]).toEqual([409, 'events.1.id']);
    expect(await count()).toBe(0);
    expect((await send({ events: [...events, story()] }, '/events/batch')).status).toBe(422);
    await darkroom.database.query(`DELETE FROM tasks WHERE finished_at IS NULL`);
  });

  it('are listed, the newest first, by type and status', async () => {
    const key = await darkroom.newUserKey('lister');
    const ids: string[] = [];
    for (let n = 0; n < 3; n++) ids.unshift((await send(story(), '/events', key)).body.event_id);
    await eventually(
      'they are over',
      async () => (await list('status=PROCESSED')).events.length === 3,
    );
    async function list(query: string) {
      const response = await darkroom.request(`/api/v1/events?${query}`, { key });
      expect(response.status).toBe(200);
      return (await response.json()) as { events: { event_id: string }[]; next_cursor: string };
    }
    const first = await list('limit=2&type=test_story');
    const second = await list(`limit=2&cursor=${first.next_cursor}`);
    const found = [...first.events, ...second.events].map(({ event_id }) => event_id);
    expect([found, second.next_cursor]).toEqual([ids, null]);
    expect((await list('status=FAILED')).events).toEqual([]);
    expect((await list('type=other')).events).toEqual([]);
  });

  it('run again, one by one or many', async () => {
    const key = await darkroom.newUserKey('again');
    const { body } = await send(story({ hero: 'Ada', left: 'fail' }), '/events', key);
    const id = body.event_id;
    const ends = (status: string) =>
      eventually(`it is ${status}`, async () => {
        const now = await read(id, key);
        return now.status === status && now;
      });
    await ends('FAILED');
    await darkroom.database.query(`UPDATE events SET data = '{"hero": "Ada"}' WHERE id = $1`, [id]);
    const again = await send({}, `/api/v1/events/${id}/reprocess`, key);
    expect([again.status, again.body.event_id]).toEqual([202, id]);
    const event = await ends('PROCESSED');
    expect(event.runs.map(({ state }) => state)).toEqual(['SUCCESS', 'FAILURE']);
    expect(event.task_id).toBe(again.body.task_id);
    expect((await send({ status: 'FAILED' }, '/api/v1/events/reprocess', key)).body.events).toEqual(
      [],
    );
    const many = await send({ status: 'PROCESSED' }, '/api/v1/events/reprocess', key);
    expect(many.body.events).toEqual([{ event_id: id, task_id: expect.any(String) }]);
    await eventually('it has run three times', async () => (await read(id, key)).runs.length === 3);
    await ends('PROCESSED');
    const open = (await send(story({ hero: 'Ada', task: 'hang' }), '/events', key)).body;
    const refused = await send({}, `/api/v1/events/${open.event_id}/reprocess`, key);
    expect([refused.status, refused.body.code]).toEqual([409, 'event_open']);
    await darkroom.post(`/api/v1/tasks/${open.task_id}/revoke`, {}, as(key));
  });

  it('of others do not exist, except for admins', async () => {
    const { body } = await send(story());
    const path = `/api/v1/events/${body.event_id}`;
    expect((await darkroom.request(path, { key: bob })).status).toBe(404);
    expect((await darkroom.post(`${path}/reprocess`, {}, as(bob))).status).toBe(404);
    expect((await darkroom.request(path)).status).toBe(200);
  });

  it('have their pipelines described', async () => {
    const response = await darkroom.request('/api/v1/pipelines', { key: bob });
    const { pipelines } = (await response.json()) as {
      pipelines: { name: string; event: { schema: { properties: object } }; drawing: string }[];
    };
    const shown = pipelines.find(({ name }) => name === 'test_story_pipeline')!;
    expect(Object.keys(shown.event.schema.properties)).toContain('hero');
    expect(shown.drawing).toContain('n_mood{"mood"}');
  });

  describe('of other services', () => {
    async function makeSource(key: string, body: object) {
      const made = await send(body, '/api/v1/event-sources', key);
      expect(made.status).toBe(201);
      return made.body as unknown as { source_id: string; url: string; secret: string };
    }
    const signed = (secret: string, body: string, at = new Date(), id: string = uuidv4()) => ({
      'webhook-id': id,
      'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
      'webhook-signature': new Webhook(secret).sign(id, at, body),
    });
    async function deliver(url: string, body: string, headers: Record<string, string>) {
      const init = { method: 'POST', body, key: null };
      const type = { 'content-type': 'application/json' };
      return answerOf(await darkroom.request(url, { ...init, headers: { ...type, ...headers } }));
    }

    it('are taken when they are signed, once for each id, and belong to the user (security 25)', async () => {
      const { url, secret } = await makeSource(alice, { name: 'shop' });
      const body = JSON.stringify({ type: 'test_story', data: { hero: 'Ädä 🎨' } });
      const headers = signed(secret, body);
      const first = await deliver(url, body, headers);
      expect(first.status).toBe(202);
      expect((await deliver(url, body, headers)).body).toEqual(first.body);
      const event = await over(first.body.event_id);
      expect(event.status).toBe('PROCESSED');
      const { body: listed } = await answerOf(
        await darkroom.request('/api/v1/event-sources', { key: alice }),
      );
      const [source] = listed.sources;
      expect([typeof source!.last_used_at, source!.secret]).toEqual(['string', undefined]);
    });

    it('are refused when they are not, whatever their body is (security 25)', async () => {
      const { url, secret } = await makeSource(alice, { name: 'forged' });
      const body = JSON.stringify(story());
      const headers = signed(secret, body);
      const other = await makeSource(bob, { name: 'another' });
      const late = new Date(Date.now() - 301_000);
      const early = new Date(Date.now() + 301_000);
      for (const [sent, given] of [
        [`${body} `, headers],
        ['{', headers],
        [body, signed(other.secret, body)],
        [body, signed(secret, body, late)],
        [body, signed(secret, body, early)],
        [body, { ...headers, 'webhook-id': uuidv4() }],
        [body, { ...headers, 'webhook-signature': 'v1,AAAA' }],
        [body, {}],
        [body, { authorization: `Bearer ${alice}` }],
      ] as [string, Record<string, string>][]) {
        const refused = await deliver(url, sent, given);
        expect([refused.status, refused.body.code]).toEqual([401, 'wrong_signature']);
      }
      const nobody = await deliver(`/api/v1/event-sources/${uuidv4()}/events`, body, headers);
      expect(nobody.body.code).toBe('wrong_signature');
      const malformed = await deliver(url, '{"a":', signed(secret, '{"a":'));
      expect([malformed.status, malformed.body.code]).toEqual([400, 'malformed_request']);
    });

    it('are limited to the types of their source', async () => {
      const { url, secret } = await makeSource(alice, { name: 'typed', types: ['test_story'] });
      const body = JSON.stringify({ type: 'other', data: {} });
      const refused = await deliver(url, body, signed(secret, body));
      expect([refused.status, refused.body.errors]).toEqual([
        422,
        [{ path: 'type', message: 'must be one of: test_story' }],
      ]);
      const wrong = await send({ name: 'typed', types: ['nothing'] }, '/api/v1/event-sources');
      expect(wrong.status).toBe(422);
    });

    it('have two secrets for a day, and none after their source is deleted', async () => {
      const { source_id: id, url, secret } = await makeSource(alice, { name: 'rotating' });
      const path = `/api/v1/event-sources/${id}`;
      const body = JSON.stringify(story());
      expect((await darkroom.post(`${path}/rotate-secret`, {}, as(bob))).status).toBe(404);
      const rotated = await send({}, `${path}/rotate-secret`);
      for (const one of [secret, rotated.body.secret]) {
        expect((await deliver(url, body, signed(one, body))).status).toBe(202);
      }
      const past = `UPDATE event_sources SET previous_until = now() WHERE id = $1`;
      await darkroom.database.query(past, [id]);
      expect((await deliver(url, body, signed(secret, body))).status).toBe(401);
      expect((await darkroom.request(path, { method: 'DELETE', key: bob })).status).toBe(404);
      expect((await darkroom.request(path, { method: 'DELETE', key: alice })).status).toBe(204);
      expect((await deliver(url, body, signed(rotated.body.secret, body))).status).toBe(401);
    });

    it('are twenty at most for a user', async () => {
      const key = await darkroom.newUserKey('many sources');
      const made = await Promise.all(
        Array.from({ length: 24 }, () => send({ name: 'x' }, '/api/v1/event-sources', key)),
      );
      expect(made.filter(({ status }) => status === 201)).toHaveLength(20);
      expect(made.find(({ status }) => status !== 201)!.body.code).toBe('too_many_sources');
    });
  });
});
