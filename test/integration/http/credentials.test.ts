import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { about } from '../../support/about.js';
import { ApiKeys } from '../../../src/features/auth/api-keys.js';
import { AuthService } from '../../../src/features/auth/auth.service.js';
import { FailedCredentials } from '../../../src/features/auth/failed-credentials.js';
import { routesOf } from '../../../src/infrastructure/http/create-http-app.js';
import { startDarkroom, type TestDarkroom } from '../../support/darkroom.js';
import { problemOf } from '../../support/problem.js';
import { sendRaw } from '../../support/raw-http.js';
import { ruleOf } from '../../support/route-rules.js';

type Headers = Record<string, string>;

/** Tells of the queue's store; shown to nobody. */
const hidden = '/admin/queues/api/redis/stats';
const id = '01890000-0000-7000-8000-000000000000';
const basic = (password: string) => ({
  authorization: `Basic ${Buffer.from(`anybody:${password}`).toString('base64')}`,
});
const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
const session = (token: string) => ({
  cookie: `darkroom_session=${token}`,
  'sec-fetch-site': 'same-origin',
});

describe('every route of the server (security 1)', () => {
  let darkroom: TestDarkroom;
  let auth: AuthService;
  let routes: { verb: string; url: string; path: string }[];
  let user: { id: string; key: string };
  let admin: { id: string };

  beforeAll(async () => {
    darkroom = await startDarkroom('postgres', { workers: false });
    auth = darkroom.app.get(AuthService);
    // A minute passes between any two failures, so that none is held up.
    let minutes = 0;
    darkroom.app.get(FailedCredentials).now = () => minutes++ * 60_001;
    routes = routesOf(darkroom.app)
      .all()
      .flatMap(({ url, verbs }) => {
        const path = url.replace(/:\w+/g, id).replace('*', 'x');
        return verbs.map((verb) => ({ verb, url, path }));
      });
    const { id: userId } = await auth.createUser('ordinary', 'user');
    user = { id: userId, key: (await darkroom.app.get(ApiKeys).create(userId)).key };
    admin = (await darkroom.app.get(ApiKeys).ownerOf(darkroom.adminKey))!;
  });
  afterAll(() => darkroom.close());

  const ask = ({ verb, path }: { verb: string; path: string }, headers: Headers) =>
    darkroom.request(path, { method: verb, key: null, headers, redirect: 'manual' });
  const isOpen = ({ verb, url }: { verb: string; url: string }) => ruleOf(verb, url) === 'open';
  // The routes that end the credential itself come last.
  const closed = () =>
    routes
      .filter((route) => !isOpen(route) && ruleOf(route.verb, route.url) !== 'signed')
      .filter(({ verb, url }) => !(verb === 'DELETE' && url === '/api/v1/users/me'));
  const onBoard = (path: string) => path.startsWith('/admin/queues');

  async function revokedKey(): Promise<string> {
    const { id, key } = await darkroom.app.get(ApiKeys).create(user.id);
    await darkroom.app.get(ApiKeys).revoke(id);
    return key;
  }

  async function expiredSession(): Promise<string> {
    const { token } = await auth.createSession(user);
    await darkroom.database.query(`UPDATE sessions SET expires_at = now() - interval '1 second'`);
    return token;
  }

  it('is listed', () => {
    expect(routes.length).toBeGreaterThan(60);
  });

  it('is closed, except the front door, health and the login', async () => {
    for (const route of routes) {
      const answer = await ask(route, {});
      const name = `${route.verb} ${route.path}: ${answer.status}`;
      about(name, () => expect(answer.status === 401).toBe(!isOpen(route)));
    }
  });

  const unusable: Record<string, () => Headers | Promise<Headers>> = {
    'an empty header': () => ({ authorization: '' }),
    'no scheme': () => ({ authorization: user.key }),
    'another scheme': () => ({ authorization: `Digest ${user.key}` }),
    'Bearer alone': () => ({ authorization: 'Bearer' }),
    'a key with more behind it': () => bearer(`${user.key} x`),
    'a key with a letter too many': () => bearer(`${user.key}x`),
    'a wrong key': () => bearer(`dk_0123456789abcdef_${'x'.repeat(43)}`),
    'a right prefix with a wrong secret': () => bearer(user.key.slice(0, 20) + 'x'.repeat(43)),
    'a revoked key': async () => bearer(await revokedKey()),
    'Basic that is no base64': () => ({ authorization: 'Basic %%%' }),
    'Basic with a wrong key': () => basic('secret'),
    'Basic with a revoked key': async () => basic(await revokedKey()),
    'a made-up session': () => session('x'.repeat(43)),
    'an expired session': async () => session(await expiredSession()),
    'a key as session': () => session(user.key),
    'a wrong key beside a good session': async () => ({
      ...session((await auth.createSession(user)).token),
      ...bearer('dk_wrong'),
    }),
  };
  for (const [what, headers] of Object.entries(unusable)) {
    it(`refuses ${what}: 401`, async () => {
      const given = await headers();
      for (const route of closed()) {
        const answer = await ask(route, given);
        about(`${route.verb} ${route.path}`, () => expect(answer.status).toBe(401));
        expect(answer.headers.get('www-authenticate')!).toMatch(/^Bearer realm="darkroom"/);
        if (route.verb !== 'HEAD') await problemOf(answer, 401, 'unauthenticated');
      }
    });
  }

  const usable: Record<string, (who: { id: string; key: string }) => Headers | Promise<Headers>> = {
    'Bearer key': ({ key }) => bearer(key),
    'Basic key': ({ key }) => basic(key),
    session: async ({ id }) => session((await auth.createSession({ id })).token),
  };
  for (const [what, headers] of Object.entries(usable)) {
    it(`admits a user with a ${what}, but not to what is for admins: 403 (security 11)`, async () => {
      for (const route of closed()) {
        const answer = await ask(route, await headers(user));
        const name = `${route.verb} ${route.path}: ${answer.status}`;
        if (!['admin', 'board'].includes(ruleOf(route.verb, route.url)!))
          about(name, () => expect([401, 403, 500]).not.toContain(answer.status));
        else if (route.verb === 'HEAD') about(name, () => expect(answer.status).toBe(403));
        else await problemOf(answer, 403, 'forbidden');
      }
    });

    it(`admits an admin with a ${what}, who may only read the board`, async () => {
      for (const route of closed()) {
        const answer = await ask(route, await headers({ id: admin.id, key: darkroom.adminKey }));
        const name = `${route.verb} ${route.path}: ${answer.status}`;
        if (onBoard(route.path) && !['GET', 'HEAD'].includes(route.verb)) {
          about(name, () => expect(answer.headers.get('allow')).toBe('GET, HEAD'));
          await problemOf(answer, 405, 'method_not_allowed');
        } else if (route.path === hidden) about(name, () => expect(answer.status).toBe(403));
        else about(name, () => expect([401, 403, 500]).not.toContain(answer.status));
      }
    });
  }

  it('checks the credential before it reads a body (security 15)', async () => {
    const whole = {
      'half an object': ['{"prompt":', 'application/json'],
      'another type': ['<x/>', 'text/xml'],
      'too much': [JSON.stringify('x'.repeat(70_000)), 'application/json'],
    };
    for (const [what, [body, type]] of Object.entries(whole)) {
      const headers = { 'content-type': type! };
      const init = { method: 'POST', key: null, headers, body: body! };
      const answer = await darkroom.request('/api/v1/generate-image', init);
      about(what, () => expect(answer.status).toBe(401));
    }
    const never = await sendRaw(
      darkroom.url,
      'POST /api/v1/generate-image HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n' +
        'Connection: close\r\nContent-Length: 60000\r\n\r\n',
    );
    expect(never.status).toBe(401);
  });

  it('takes no credential from a URL (security 5)', async () => {
    for (const name of ['key', 'api_key', 'token', 'access_token', 'authorization', 'session']) {
      const path = `/api/v1/tasks?${name}=${user.key}`;
      expect((await ask({ verb: 'GET', path }, {})).status).toBe(401);
    }
  });

  it('cannot be reached by another spelling of its path', async () => {
    for (const { verb, path } of closed()) {
      const encoded = path.replace(/[a-z]/, (c) => `%${c.charCodeAt(0).toString(16)}`);
      const spellings = [`${path}/`, `/${path}`, `${path}//`, path.toUpperCase(), encoded];
      for (const spelling of [...spellings, `/x/..${path}`, `${path}?x=/health/live`]) {
        const answer = await ask({ verb, path: spelling }, {});
        const refused = [401, 404, 405].includes(answer.status);
        about(`${verb} ${spelling}: ${answer.status}`, () => expect(refused).toBe(true));
      }
    }
  });
});
