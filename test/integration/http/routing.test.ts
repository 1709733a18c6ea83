import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { routesOf } from '../../../src/infrastructure/http/create-http-app.js';
import { startDarkroom, type TestDarkroom } from '../../support/darkroom.js';
import { problemOf } from '../../support/problem.js';

const id = '01890000-0000-7000-8000-000000000000';
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

describe('routing', () => {
  let darkroom: TestDarkroom;
  before(async () => {
    darkroom = await startDarkroom('postgres', { workers: false });
  });
  after(() => darkroom.close());

  it('a slash at the end makes no difference', async () => {
    const routes = routesOf(darkroom.app)
      .all()
      .filter(({ url }) => !url.includes('*') && !url.endsWith('/') && !url.includes('.'));
    assert.ok(routes.length > 40);
    for (const { url, verbs } of routes) {
      const path = url.replace(/:\w+/g, id);
      for (const method of verbs) {
        const init = { method, redirect: 'manual' } as const;
        const [plain, slashed] = [
          await darkroom.request(path, init),
          await darkroom.request(`${path}/`, init),
        ];
        assert.equal(slashed.status, plain.status, `${method} ${path}`);
        const type = slashed.headers.get('content-type');
        assert.equal(type, plain.headers.get('content-type'), `${method} ${path}`);
      }
    }
  });

  for (const path of ['/nope', '/api/v2/images', '/api', '/HEALTH/live', '//health/live', '/%2e']) {
    it(`${path} is unknown: 404, with a credential or without`, async () => {
      await problemOf(await darkroom.request(path), 404, 'not_found');
      await problemOf(await darkroom.request(path, { key: null }), 404, 'not_found');
    });
  }

  const wrongVerbs: Record<string, [path: string, allow: string]> = {
    GET: ['/api/v1/generate-image', 'POST'],
    POST: ['/health/live', 'GET, HEAD'],
    PUT: [`/api/v1/images/${id}`, 'GET, HEAD'],
    DELETE: [`/api/v1/generation-status/${id}/`, 'GET, HEAD'],
    PATCH: ['/admin/login?next=x', 'GET, HEAD, POST'],
    OPTIONS: [`/api/v1/task_status/${id}`, 'GET, HEAD'],
  };
  for (const [method, [path, allow]] of Object.entries(wrongVerbs)) {
    it(`${method} ${path}: 405, with the verbs that work`, async () => {
      const answer = await darkroom.request(path, { method });
      assert.equal(answer.headers.get('allow'), allow);
      await problemOf(answer, 405, 'method_not_allowed');
    });
  }

  it('a URL that cannot be read: 400, one with a part that is too long: 414', async () => {
    await problemOf(await darkroom.request('/api/v1/images/%zz'), 400, 'malformed_request');
    const long = await darkroom.request(`/api/v1/images/${'x'.repeat(201)}`);
    await problemOf(long, 414, 'uri_too_long');
  });

  it('a parameter that is given twice: 400', async () => {
    await problemOf(await darkroom.request('/health/live?a=1&a=2'), 400, 'malformed_request');
    const twice = `/api/v1/images/${id}?size=full&size=thumbnail`;
    await problemOf(await darkroom.request(twice), 400, 'malformed_request');
  });

  it('no answer names the software behind it, and each has its policy', async () => {
    for (const path of ['/health/live', '/nope', '/admin/login', '/api/docs', '/health/live?a&a']) {
      const { headers } = await darkroom.request(path);
      assert.equal(headers.get('x-powered-by'), null);
      assert.equal(headers.get('server'), null);
      assert.match(headers.get('content-security-policy')!, /default-src 'none'/);
      assert.equal(headers.get('x-content-type-options'), 'nosniff');
      assert.equal(headers.get('access-control-allow-origin'), null);
    }
  });
});

describe('the correlation id', () => {
  let darkroom: TestDarkroom;
  before(async () => {
    darkroom = await startDarkroom('postgres', { workers: false });
  });
  after(() => darkroom.close());

  const idOf = async (headers: Record<string, string>, path = '/health/live') =>
    (await darkroom.request(path, { headers })).headers.get('x-correlation-id')!;

  for (const sane of ['a', 'x'.repeat(64), 'req-1.2_3', id]) {
    it(`${sane.slice(0, 40)} is taken over`, async () => {
      assert.equal(await idOf({ 'x-request-id': sane }), sane);
      assert.equal(await idOf({ 'x-correlation-id': sane }), sane);
      assert.equal(await idOf({ 'x-request-id': sane }, '/nope'), sane);
      assert.equal(await idOf({ 'x-request-id': sane }, '/%zz'), sane);
    });
  }

  for (const odd of ['', 'x'.repeat(65), 'a b', 'a"b', '<script>', 'a,b', 'é', '{"a":1}']) {
    it(`${odd.slice(0, 40) || 'an empty one'} is replaced`, async () => {
      assert.match(await idOf({ 'x-request-id': odd }), uuid);
    });
  }

  it('is another one for each request that has none', async () => {
    const ids = [await idOf({}), await idOf({})];
    assert.notEqual(ids[0], ids[1]);
    for (const made of ids) assert.match(made, uuid);
  });

  it('is in the body of an error and in the row of a task', async () => {
    const headers = { 'x-request-id': 'from-outside' };
    const { correlation_id } = await problemOf(await darkroom.request('/nope', { headers }), 404);
    assert.equal(correlation_id, 'from-outside');
    const posted = await darkroom.post('/api/v1/generate-image', { prompt: 'x' }, headers);
    const { task_id } = (await posted.json()) as { task_id: string };
    const [row] = await darkroom.database.query('SELECT correlation_id FROM tasks WHERE id = $1', [
      task_id,
    ]);
    assert.equal(row.correlation_id, 'from-outside');
  });
});
