import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { v7 as uuidv7 } from 'uuid';
import { ApiKeys } from '../../../src/features/auth/api-keys.js';
import type { Scope } from '../../../src/features/auth/scopes.js';
import type { KeyList, MadeKey } from '../../../src/features/keys/keys.dto.js';
import { startDarkroom, type TestDarkroom } from '../../support/darkroom.js';
import { eventually } from '../../support/eventually.js';
import { problemOf } from '../../support/problem.js';

const path = '/api/v1/keys';
const picture = { prompt: 'a lighthouse', width: 64, height: 64, steps: 1 };

describe('API keys over HTTP (security 2)', () => {
  let darkroom: TestDarkroom;
  let ann: string;
  beforeAll(async () => {
    darkroom = await startDarkroom('postgres', { workers: false });
    ann = await darkroom.newUserKey('ann');
  });
  afterAll(() => darkroom.close());

  const ask = (method: string, at: string, key: string, body?: unknown) =>
    darkroom.request(at, {
      method,
      key,
      ...(body !== undefined && {
        body: JSON.stringify(body),
        headers: { 'content-type': 'application/json' },
      }),
    });
  const make = async (key: string, body: Record<string, unknown> = {}) => {
    const answer = await ask('POST', path, key, { name: 'a robot', ...body });
    expect(answer.status).toBe(201);
    return (await answer.json()) as MadeKey;
  };
  const list = async (key: string) => {
    const answer = await ask('GET', path, key);
    expect(answer.status).toBe(200);
    return ((await answer.json()) as KeyList).keys;
  };

  it('are shown once, work, note their use, and end when they are revoked', async () => {
    const { key, ...made } = await make(ann, { name: '  ci  ' });
    expect(made).toEqual({
      id: made.id,
      prefix: key.slice(0, 19),
      name: 'ci',
      scopes: ['read', 'write', 'account', 'admin'],
      created_at: made.created_at,
      expires_at: null,
      last_used_at: null,
    });
    expect((await ask('POST', '/api/v1/generate-image', key, picture)).status).toBe(202);
    const used = await eventually('its use is noted', async () => {
      const found = (await list(ann)).find(({ id }) => id === made.id)!;
      return found.last_used_at !== null && found;
    });
    expect({ ...used, last_used_at: null }).toEqual(made);
    expect(JSON.stringify(await list(ann))).not.toContain(key);
    for (let n = 0; n < 2; n++) {
      const answer = await ask('DELETE', `${path}/${made.id}`, ann);
      expect([answer.status, await answer.text()]).toEqual([204, '']);
    }
    await problemOf(await ask('GET', '/api/v1/tasks', key), 401, 'unauthenticated');
    expect((await list(ann)).some(({ id }) => id === made.id)).toBe(false);
  });

  it('stop working when they expire, and so does a session that was opened with one', async () => {
    const { id, key, expires_at } = await make(ann, { expires_in: 3_600 });
    expect(Date.parse(expires_at!)).toBeGreaterThan(Date.now() + 1_800_000);
    const form = new URLSearchParams({ key });
    const login = await darkroom.request('/admin/login', {
      method: 'POST',
      key: null,
      body: form,
      redirect: 'manual',
    });
    const cookie = login.headers.get('set-cookie')!;
    // Not the twelve hours of other sessions.
    expect(Number(/Max-Age=(\d+)/.exec(cookie)![1])).toBeLessThanOrEqual(3_600);
    await darkroom.database.query(`UPDATE api_keys SET expires_at = now() WHERE id = $1`, [id]);
    await problemOf(await ask('GET', '/api/v1/tasks', key), 401, 'unauthenticated');
  });

  const may: [Scope[], Record<string, number>][] = [
    [['read'], { look: 200, send: 403, keys: 403, board: 403 }],
    [['write'], { look: 403, send: 202, keys: 403, board: 403 }],
    [['account'], { look: 403, send: 403, keys: 200, board: 403 }],
    [['read', 'write'], { look: 200, send: 202, keys: 403, board: 403 }],
    [['admin'], { look: 403, send: 403, keys: 403, board: 403 }],
    [['read', 'admin'], { look: 200, send: 403, keys: 403, board: 200 }],
  ];
  for (const [scopes, statuses] of may) {
    it(`of an admin with ${scopes.join(' and ')} may do that and no more`, async () => {
      const { key } = await make(darkroom.adminKey, { scopes });
      const asked = {
        look: await ask('GET', '/api/v1/tasks', key),
        send: await ask('POST', '/api/v1/generate-image', key, picture),
        keys: await ask('GET', path, key),
        board: await ask('GET', '/admin/queues/', key),
      };
      const found = Object.entries(asked).map(([what, { status }]) => [what, status]);
      expect(Object.fromEntries(found)).toEqual(statuses);
      for (const what of ['look', 'send', 'keys'] as const) {
        if (statuses[what] !== 403) continue;
        await problemOf(asked[what], 403, 'insufficient_scope');
        expect(asked[what].headers.get('www-authenticate')).toMatch(/error="insufficient_scope"/);
      }
    });
  }

  it('of an admin without the scope admin see only what is theirs', async () => {
    const { task_id } = (await (
      await ask('POST', '/api/v1/generate-image', ann, picture)
    ).json()) as { task_id: string };
    const { key } = await make(darkroom.adminKey, { scopes: ['read', 'write'] });
    await problemOf(await ask('GET', `/api/v1/task_status/${task_id}`, key), 404);
    await problemOf(await ask('POST', `/api/v1/tasks/${task_id}/revoke`, key), 404);
    await problemOf(await ask('GET', '/api/v1/tasks?owner=all', key), 403, 'forbidden');
    expect((await ask('GET', `/api/v1/task_status/${task_id}`, darkroom.adminKey)).status).toBe(
      200,
    );
  });

  it('cannot make one that may do more, and a session may do no more than its key', async () => {
    const { key } = await make(ann, { scopes: ['read', 'account'] });
    const answer = await ask('POST', path, key, { name: 'more', scopes: ['read', 'write'] });
    const { errors } = await problemOf(answer, 422, 'invalid_fields');
    expect(errors).toEqual([{ path: 'scopes', message: expect.stringMatching(/write/) }]);
    expect((await make(key)).scopes).toEqual(['read', 'account']);
    const login = await darkroom.request('/admin/login', {
      method: 'POST',
      key: null,
      body: new URLSearchParams({ key }),
      redirect: 'manual',
    });
    const cookie = login.headers.get('set-cookie')!.split(';')[0]!;
    const sent = await darkroom.request('/api/v1/generate-image', {
      method: 'POST',
      key: null,
      body: JSON.stringify(picture),
      headers: { cookie, 'content-type': 'application/json', 'sec-fetch-site': 'same-origin' },
    });
    await problemOf(sent, 403, 'insufficient_scope');
    const ended = await darkroom.request('/admin/logout', {
      method: 'POST',
      key: null,
      headers: { cookie, 'sec-fetch-site': 'same-origin' },
      redirect: 'manual',
    });
    expect(ended.status).toBe(303);
  });

  it('of others cannot be seen or revoked, except by admins, which is kept', async () => {
    const { id, key } = await make(ann);
    const bob = await darkroom.newUserKey('bob');
    expect((await list(bob)).some((one) => one.id === id)).toBe(false);
    for (const unknown of [id, uuidv7(), 'no-uuid']) {
      await problemOf(await ask('DELETE', `${path}/${unknown}`, bob), 404, 'not_found');
    }
    expect((await ask('GET', '/api/v1/tasks', key)).status).toBe(200);
    expect((await ask('DELETE', `${path}/${id}`, darkroom.adminKey)).status).toBe(204);
    await problemOf(await ask('GET', '/api/v1/tasks', key), 401);
    const entries = await darkroom.database.query(
      'SELECT action FROM audit_log WHERE target = $1',
      [id],
    );
    expect(entries).toEqual([{ action: 'key.revoke' }]);
  });

  it('are a hundred at most, also when made at once', async () => {
    const carol = await darkroom.newUserKey('carol');
    const [{ id }] = await darkroom.database.query(`SELECT id FROM users WHERE name = 'carol'`);
    const keys = darkroom.app.get(ApiKeys);
    for (let n = 0; n < 95; n++) await keys.create(id);
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => ask('POST', path, carol, { name: 'one more' })),
    );
    const statuses = answers.map(({ status }) => status).toSorted((a, b) => a - b);
    expect(statuses).toEqual([201, 201, 201, 201, 409, 409, 409, 409, 409, 409]);
    await problemOf(
      answers.find(({ status }) => status === 409)!,
      409,
      'too_many_keys',
    );
    // A revoked one makes room.
    const [first] = await list(carol);
    expect((await ask('DELETE', `${path}/${first!.id}`, carol)).status).toBe(204);
  });

  for (const body of [
    {},
    { name: '' },
    { name: '   ' },
    { name: 'x'.repeat(101) },
    { name: 'x', scopes: [] },
    { name: 'x', scopes: ['root'] },
    { name: 'x', scopes: 'read' },
    { name: 'x', expires_in: 59 },
    { name: 'x', expires_in: 1e12 },
    { name: 'x', user_id: uuidv7() },
    { name: 'nul \u0000' },
  ]) {
    it(`refuses ${JSON.stringify(body).slice(0, 60)}`, async () => {
      await problemOf(await ask('POST', path, ann, body), 422, 'invalid_fields');
    });
  }
});
