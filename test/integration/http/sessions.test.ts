import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { AuthService } from '../../../src/features/auth/auth.service.js';
import { startDarkroom, type TestDarkroom } from '../../support/darkroom.js';
import { problemOf } from '../../support/problem.js';

const ours = { 'sec-fetch-site': 'same-origin' };

describe('a browser session', () => {
  let darkroom: TestDarkroom;
  before(async () => {
    darkroom = await startDarkroom('postgres', { workers: false });
  });
  after(() => darkroom.close());

  const login = (form: Record<string, string>, headers: Record<string, string> = ours) =>
    darkroom.request('/admin/login', {
      method: 'POST',
      key: null,
      body: new URLSearchParams(form),
      headers,
      redirect: 'manual',
    });
  const visit = (path: string, cookie: string) =>
    darkroom.request(path, {
      key: null,
      headers: { cookie, accept: 'text/html' },
      redirect: 'manual',
    });
  const write = (path: string, headers: Record<string, string>) =>
    darkroom.request(path, {
      method: 'POST',
      key: null,
      headers: { 'content-type': 'application/json', ...headers },
      body: '{"prompt":"x"}',
      redirect: 'manual',
    });

  async function signIn(key = darkroom.adminKey): Promise<string> {
    const answer = await login({ key });
    assert.equal(answer.status, 303);
    return answer.headers.get('set-cookie')!.split(';', 1)[0]!;
  }

  it('starts with a key, in a cookie that scripts and other sites do not get', async () => {
    const answer = await login({ key: ` ${darkroom.adminKey}\n` });
    assert.equal(answer.status, 303);
    assert.equal(answer.headers.get('location'), '/admin/queues');
    const [pair, ...flags] = answer.headers.get('set-cookie')!.split('; ');
    assert.match(pair!, /^darkroom_session=[\w-]{43}$/);
    const wanted = ['HttpOnly', 'Max-Age=43200', 'Path=/', 'SameSite=Strict'];
    assert.deepEqual(flags.toSorted(), wanted);
    assert.equal((await visit('/admin/queues', pair!)).status, 200);
    assert.equal((await visit('/api/docs', pair!)).status, 200);
  });

  it('takes a user to the docs', async () => {
    const answer = await login({ key: await darkroom.newUserKey('user') });
    assert.equal(answer.headers.get('location'), '/api/docs');
  });

  it('does not start with a wrong key', async () => {
    for (const key of ['', 'dk_wrong', 'x'.repeat(200)]) {
      const answer = await login({ key });
      assert.equal(answer.status, 401);
      assert.equal(answer.headers.get('set-cookie'), null);
      assert.match(answer.headers.get('content-type')!, /^text\/html/);
      assert.match(await answer.text(), /This key is not valid/);
    }
  });

  it('a form with other fields, a field twice or JSON is refused', async () => {
    await problemOf(await login({ key: darkroom.adminKey, role: 'admin' }), 422);
    await problemOf(await login({ next: '/' }), 422);
    const json = { ...ours, 'content-type': 'text/plain' };
    await problemOf(await login({ key: darkroom.adminKey }, json), 415);
    const twice = await darkroom.request('/admin/login', {
      method: 'POST',
      key: null,
      body: `key=${darkroom.adminKey}&key=x`,
      headers: { ...ours, 'content-type': 'application/x-www-form-urlencoded' },
    });
    await problemOf(twice, 400, 'malformed_request');
  });

  it('goes where the visitor was going, on this site only', async () => {
    const key = darkroom.adminKey;
    const inside = await visit('/admin/queues/queue/high_priority?page=2', '');
    assert.equal(inside.status, 303);
    const form = await (await visit(inside.headers.get('location')!, '')).text();
    const next = /name="next" value="([^"]*)"/.exec(form)![1]!;
    assert.equal(next, '/admin/queues/queue/high_priority?page=2');
    assert.equal((await login({ key, next })).headers.get('location'), next);

    const elsewhere = ['https://evil.example', '//evil.example', '/\\evil.example', 'evil.example'];
    const tricks = [
      '/\t/evil.example',
      '/.//evil.example',
      '/%09/..//evil.example',
      'javascript:1',
    ];
    for (const next of [...elsewhere, ...tricks, '/\r\nset-cookie: a=b', '"><script>']) {
      const location = (await login({ key, next })).headers.get('location')!;
      assert.equal(new URL(location, darkroom.url).origin, darkroom.url, next);
      const page = await (await visit(`/admin/login?next=${encodeURIComponent(next)}`, '')).text();
      assert.doesNotMatch(page, /evil\.example|<script>/, next);
    }
  });

  it('ends with a logout', async () => {
    const cookie = await signIn();
    const answer = await write('/admin/logout', { cookie, ...ours });
    assert.equal(answer.status, 303);
    assert.match(
      answer.headers.get('set-cookie')!,
      /^darkroom_session=;.*Expires=Thu, 01 Jan 1970/,
    );
    assert.equal((await visit('/api/v1/task_status/x', cookie)).status, 401);
  });

  it('ends with its time', async () => {
    const cookie = await signIn();
    assert.equal((await visit('/api/v1/task_status/x', cookie)).status, 404);
    await darkroom.database.query(`UPDATE sessions SET expires_at = now()`);
    assert.equal((await visit('/api/v1/task_status/x', cookie)).status, 401);
    await signIn();
    const [row] = await darkroom.database.query('SELECT count(*)::int AS count FROM sessions');
    assert.equal(row.count, 1);
  });

  it('ends when the key is revoked that may have started it', async () => {
    const auth = darkroom.app.get(AuthService);
    const user = await auth.createUser('revoked', 'user');
    const { id, key } = await auth.createApiKey(user.id);
    const cookie = await signIn(key);
    await auth.revokeApiKey(id);
    assert.equal((await visit('/api/v1/task_status/x', cookie)).status, 401);
  });

  const sites: Record<string, [headers: Record<string, string>, refused: boolean]> = {
    'a page of ours': [ours, false],
    'our own origin': [{ origin: 'OURS' }, false],
    'another site': [{ 'sec-fetch-site': 'cross-site', origin: 'OURS' }, true],
    'a sibling domain': [{ 'sec-fetch-site': 'same-site' }, true],
    'an address typed in': [{ 'sec-fetch-site': 'none' }, true],
    'another origin': [{ origin: 'https://evil.example' }, true],
    'a sandboxed frame': [{ origin: 'null' }, true],
    'another port': [{ origin: 'http://127.0.0.1:1' }, true],
    'a page that is not named': [{}, true],
  };
  for (const [what, [headers, refused]] of Object.entries(sites)) {
    it(`a write from ${what} is ${refused ? 'refused' : 'accepted'}`, async () => {
      const cookie = await signIn();
      const origin: Record<string, string> = {};
      if (headers['origin'] === 'OURS') origin['origin'] = darkroom.url;
      const all = { cookie, ...headers, ...origin };
      const answer = await write('/api/v1/generate-image', all);
      if (refused) await problemOf(answer, 403, 'cross_site_request');
      else assert.equal(answer.status, 202);
    });
  }

  it('cannot be started by another site', async () => {
    const answer = await login({ key: darkroom.adminKey }, { 'sec-fetch-site': 'cross-site' });
    await problemOf(answer, 403, 'cross_site_request');
    assert.equal(answer.headers.get('set-cookie'), null);
  });
});
