import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { about } from '../../support/about.js';
import { routesOf } from '../../../src/infrastructure/http/create-http-app.js';
import { startDarkroom, type TestDarkroom } from '../../support/darkroom.js';
import { problemOf } from '../../support/problem.js';

const id = '01890000-0000-7000-8000-000000000000';
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

describe('routing', () => {
  let darkroom: TestDarkroom;
  beforeAll(async () => {
    darkroom = await startDarkroom('postgres', { workers: false });
  });
  afterAll(() => darkroom.close());

  it('ignores a slash at the end', async () => {
    const routes = routesOf(darkroom.app)
      .all()
      .filter(({ url }) => !url.includes('*') && !url.endsWith('/') && !url.includes('.'));
    expect(routes.length).toBeGreaterThan(40);
    for (const { url, verbs } of routes) {
      const path = url.replace(/:\w+/g, id);
      for (const method of verbs) {
        const init = { method, redirect: 'manual' } as const;
        const [plain, slashed] = [
          await darkroom.request(path, init),
          await darkroom.request(`${path}/`, init),
        ];
        about(`${method} ${path}`, () => expect(slashed.status).toBe(plain.status));
        const type = slashed.headers.get('content-type');
        about(`${method} ${path}`, () => expect(type).toBe(plain.headers.get('content-type')));
      }
    }
  });

  for (const path of ['/nope', '/api/v2/images', '/api', '/HEALTH/live', '//health/live']) {
    it(`${path} is unknown: 404, with a credential or without`, async () => {
      await problemOf(await darkroom.request(path), 404, 'not_found');
      await problemOf(await darkroom.request(path, { key: null }), 404, 'not_found');
    });
  }

  it('sends a browser from the bare address to the docs, and lists all parts to a program', async () => {
    const accept = 'text/html,application/xhtml+xml,*/*;q=0.8';
    const init = { key: null, headers: { accept }, redirect: 'manual' } as const;
    const page = await darkroom.request('/', init);
    expect(page.status).toBe(303);
    expect(page.headers.get('location')).toBe('/api/docs');
    const parts = (await (await darkroom.request('/', { key: null })).json()) as object;
    const { name, ...paths } = parts as Record<string, string>;
    expect(name).toBe('Darkroom');
    for (const path of Object.values(paths)) {
      expect((await darkroom.request(path)).status).toBe(200);
    }
  });

  const wrongVerbs: Record<string, [path: string, allow: string]> = {
    GET: ['/api/v1/generate-image', 'POST'],
    POST: ['/health/live', 'GET, HEAD'],
    PUT: [`/api/v1/images/${id}`, 'DELETE, GET, HEAD'],
    DELETE: [`/api/v1/generation-status/${id}/`, 'GET, HEAD'],
    PATCH: ['/admin/login?next=x', 'GET, HEAD, POST'],
    OPTIONS: [`/api/v1/task_status/${id}`, 'GET, HEAD'],
  };
  for (const [method, [path, allow]] of Object.entries(wrongVerbs)) {
    it(`${method} ${path}: 405, with the methods that work (security 42)`, async () => {
      const answer = await darkroom.request(path, { method });
      expect(answer.headers.get('allow')).toBe(allow);
      await problemOf(answer, 405, 'method_not_allowed');
    });
  }

  it('gives 400 for a malformed URL, and 414 for one with a part that is too long', async () => {
    await problemOf(await darkroom.request('/api/v1/images/%zz'), 400, 'malformed_request');
    const long = await darkroom.request(`/api/v1/images/${'x'.repeat(201)}`);
    await problemOf(long, 414, 'uri_too_long');
  });

  it('gives 400 for a parameter that is given twice (security 18)', async () => {
    await problemOf(await darkroom.request('/health/live?a=1&a=2'), 400, 'malformed_request');
    const twice = `/api/v1/images/${id}?size=full&size=thumbnail`;
    await problemOf(await darkroom.request(twice), 400, 'malformed_request');
  });

  it('names no software in any answer, and gives each one its policy (security 40)', async () => {
    for (const path of ['/health/live', '/nope', '/admin/login', '/api/docs', '/health/live?a&a']) {
      const { headers } = await darkroom.request(path);
      expect(headers.get('x-powered-by')).toBe(null);
      expect(headers.get('server')).toBe(null);
      expect(headers.get('content-security-policy')!).toMatch(/default-src 'none'/);
      expect(headers.get('x-content-type-options')).toBe('nosniff');
    }
  });

  it('has the same protective headers on every answer, and lets no cache keep it (security 40)', async () => {
    const wanted = {
      'cache-control': 'no-store',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      'origin-agent-cluster': '?1',
      'referrer-policy': 'same-origin',
      'x-content-type-options': 'nosniff',
      'x-dns-prefetch-control': 'off',
      'x-download-options': 'noopen',
      'x-frame-options': 'SAMEORIGIN',
      'x-permitted-cross-domain-policies': 'none',
    };
    const paths = ['/api/v1/tasks', '/api/v1/users/me', '/api/v1/keys', '/api/v1/credits'];
    for (const path of [...paths, '/api/v1/users', '/admin/login', '/health/live', '/nope']) {
      for (const key of [darkroom.adminKey, null]) {
        const { headers } = await darkroom.request(path, { key });
        about(path, () => expect(Object.fromEntries(headers)).toMatchObject(wanted));
      }
    }
  });

  it('shares its answers with no other site (security 41)', async () => {
    const preflight = { 'access-control-request-method': 'POST' };
    for (const origin of ['https://evil.example', 'null', darkroom.url]) {
      for (const method of ['GET', 'OPTIONS', 'POST']) {
        for (const path of ['/api/v1/tasks', '/api/v1/auth/login', '/admin/login', '/nope']) {
          const headers = { origin, ...(method === 'OPTIONS' && preflight) };
          const answer = await darkroom.request(path, { method, headers });
          const shared = [...answer.headers.keys()].filter((name) =>
            name.startsWith('access-control-'),
          );
          about(`${method} ${path} ${answer.status}`, () => expect(shared).toEqual([]));
        }
      }
    }
  });
});

describe('the correlation id', () => {
  let darkroom: TestDarkroom;
  beforeAll(async () => {
    darkroom = await startDarkroom('postgres', { workers: false });
  });
  afterAll(() => darkroom.close());

  const idOf = async (headers: Record<string, string>, path = '/health/live') =>
    (await darkroom.request(path, { headers })).headers.get('x-correlation-id')!;

  for (const sane of ['a', 'x'.repeat(64), 'req-1.2_3', id]) {
    it(`is taken from the request: ${sane.slice(0, 40)}`, async () => {
      expect(await idOf({ 'x-request-id': sane })).toBe(sane);
      expect(await idOf({ 'x-correlation-id': sane })).toBe(sane);
      expect(await idOf({ 'x-request-id': sane }, '/nope')).toBe(sane);
      expect(await idOf({ 'x-request-id': sane }, '/%zz')).toBe(sane);
    });
  }

  for (const odd of ['', 'x'.repeat(65), 'a b', 'a"b', '<script>', 'a,b', 'é', '{"a":1}']) {
    it(`${odd.slice(0, 40) || 'an empty one'} is replaced`, async () => {
      expect(await idOf({ 'x-request-id': odd })).toMatch(uuid);
    });
  }

  it('is a new one for each request that has none', async () => {
    const ids = [await idOf({}), await idOf({})];
    expect(ids[0]).not.toBe(ids[1]);
    for (const made of ids) expect(made).toMatch(uuid);
  });

  it('is in the body of an error and in the row of a task', async () => {
    const headers = { 'x-request-id': 'from-outside' };
    const { correlation_id } = await problemOf(await darkroom.request('/nope', { headers }), 404);
    expect(correlation_id).toBe('from-outside');
    const posted = await darkroom.post('/api/v1/generate-image', { prompt: 'x' }, headers);
    const { task_id } = (await posted.json()) as { task_id: string };
    const [row] = await darkroom.database.query('SELECT correlation_id FROM tasks WHERE id = $1', [
      task_id,
    ]);
    expect(row.correlation_id).toBe('from-outside');
  });
});
