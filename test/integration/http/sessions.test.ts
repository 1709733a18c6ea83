import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { about } from '../../support/about.js';
import { ApiKeys } from '../../../src/features/auth/api-keys.js';
import { AuthService } from '../../../src/features/auth/auth.service.js';
import { startDarkroom, type TestDarkroom } from '../../support/darkroom.js';
import { problemOf } from '../../support/problem.js';

const ours = { 'sec-fetch-site': 'same-origin' };

describe('a browser session', () => {
  let darkroom: TestDarkroom;
  beforeAll(async () => {
    darkroom = await startDarkroom('postgres', { workers: false });
  });
  afterAll(() => darkroom.close());

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
    expect(answer.status).toBe(303);
    return answer.headers.get('set-cookie')!.split(';', 1)[0]!;
  }

  it('starts with a key, in a cookie that scripts and other sites cannot use (security 36)', async () => {
    const answer = await login({ key: ` ${darkroom.adminKey}\n` });
    expect(answer.status).toBe(303);
    expect(answer.headers.get('location')).toBe('/admin/queues');
    const [pair, ...flags] = answer.headers.get('set-cookie')!.split('; ');
    expect(pair!).toMatch(/^darkroom_session=[\w-]{43}$/);
    const wanted = ['HttpOnly', 'Max-Age=43200', 'Path=/', 'SameSite=Strict'];
    expect(flags.toSorted()).toEqual(wanted);
    expect((await visit('/admin/queues', pair!)).status).toBe(200);
    expect((await visit('/api/docs', pair!)).status).toBe(200);
  });

  it('takes a user to the docs', async () => {
    const answer = await login({ key: await darkroom.newUserKey('user') });
    expect(answer.headers.get('location')).toBe('/api/docs');
  });

  it('does not start with a wrong key', async () => {
    for (const key of ['', 'dk_wrong', 'x'.repeat(200)]) {
      const answer = await login({ key });
      expect(answer.status).toBe(401);
      expect(answer.headers.get('set-cookie')).toBe(null);
      expect(answer.headers.get('content-type')!).toMatch(/^text\/html/);
      expect(await answer.text()).toMatch(/This key is not valid/);
    }
  });

  it('does not start with JSON, or with a form that has other fields or a field twice', async () => {
    await problemOf(await login({ key: darkroom.adminKey, role: 'admin' }), 422);
    await problemOf(await login({ next: '/' }), 422);
    const json = { ...ours, 'content-type': 'text/plain' };
    const { detail } = await problemOf(await login({ key: darkroom.adminKey }, json), 415);
    expect(detail).toMatch(/application\/json or a form in UTF-8/);
    const twice = await darkroom.request('/admin/login', {
      method: 'POST',
      key: null,
      body: `key=${darkroom.adminKey}&key=x`,
      headers: { ...ours, 'content-type': 'application/x-www-form-urlencoded' },
    });
    await problemOf(twice, 400, 'malformed_request');
  });

  it('does not start with a form in another charset than UTF-8 (security 42)', async () => {
    const send = (charset: string) =>
      darkroom.request('/admin/login', {
        method: 'POST',
        key: null,
        body: `key=${darkroom.adminKey}`,
        headers: { ...ours, 'content-type': `application/x-www-form-urlencoded${charset}` },
        redirect: 'manual',
      });
    for (const charset of ['iso-8859-1', '"utf-16"', 'utf-8-x']) {
      await problemOf(await send(`; charset=${charset}`), 415, 'unsupported_media_type');
    }
    for (const charset of ['', '; charset=utf-8', ';charset="UTF-8"']) {
      expect((await send(charset)).status).toBe(303);
    }
  });

  it('leads to the page that the visitor wanted, on this site only (security 29)', async () => {
    const key = darkroom.adminKey;
    const inside = await visit('/admin/queues/queue/high_priority?page=2', '');
    expect(inside.status).toBe(303);
    const form = await (await visit(inside.headers.get('location')!, '')).text();
    const next = /name="next" value="([^"]*)"/.exec(form)![1]!;
    expect(next).toBe('/admin/queues/queue/high_priority?page=2');
    expect((await login({ key, next })).headers.get('location')).toBe(next);

    const elsewhere = ['https://evil.example', '//evil.example', '/\\evil.example', 'evil.example'];
    const tricks = [
      '/\t/evil.example',
      '/.//evil.example',
      '/%09/..//evil.example',
      'javascript:1',
    ];
    for (const next of [...elsewhere, ...tricks, '/\r\nset-cookie: a=b', '"><script>']) {
      const location = (await login({ key, next })).headers.get('location')!;
      about(next, () => expect(new URL(location, darkroom.url).origin).toBe(darkroom.url));
      const page = await (await visit(`/admin/login?next=${encodeURIComponent(next)}`, '')).text();
      about(next, () => expect(page).not.toMatch(/evil\.example|<script>/));
    }
  });

  it('ends with a logout', async () => {
    const cookie = await signIn();
    const answer = await write('/admin/logout', { cookie, ...ours });
    expect(answer.status).toBe(303);
    expect(answer.headers.get('set-cookie')!).toMatch(
      /^darkroom_session=;.*Expires=Thu, 01 Jan 1970/,
    );
    expect((await visit('/api/v1/task_status/x', cookie)).status).toBe(401);
  });

  it('ends when its time is over', async () => {
    const cookie = await signIn();
    expect((await visit('/api/v1/task_status/x', cookie)).status).toBe(404);
    await darkroom.database.query(`UPDATE sessions SET expires_at = now()`);
    expect((await visit('/api/v1/task_status/x', cookie)).status).toBe(401);
    await signIn();
    const [row] = await darkroom.database.query('SELECT count(*)::int AS count FROM sessions');
    expect(row.count).toBe(1);
  });

  it('ends when a key that may have started it is revoked', async () => {
    const auth = darkroom.app.get(AuthService);
    const user = await auth.createUser('revoked', 'user');
    const { id, key } = await darkroom.app.get(ApiKeys).create(user.id);
    const cookie = await signIn(key);
    await darkroom.app.get(ApiKeys).revoke(id);
    expect((await visit('/api/v1/task_status/x', cookie)).status).toBe(401);
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
    it(`a write from ${what} is ${refused ? 'refused' : 'accepted'} (security 36)`, async () => {
      const cookie = await signIn();
      const origin: Record<string, string> = {};
      if (headers['origin'] === 'OURS') origin['origin'] = darkroom.url;
      const all = { cookie, ...headers, ...origin };
      const answer = await write('/api/v1/generate-image', all);
      if (refused) await problemOf(answer, 403, 'cross_site_request');
      else expect(answer.status).toBe(202);
    });
  }

  it('cannot be started by another site', async () => {
    const answer = await login({ key: darkroom.adminKey }, { 'sec-fetch-site': 'cross-site' });
    await problemOf(answer, 403, 'cross_site_request');
    expect(answer.headers.get('set-cookie')).toBe(null);
  });
});
