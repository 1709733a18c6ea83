import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { about } from '../../support/about.js';
import { problemType } from '../../../src/infrastructure/http/problem.js';
import { startDarkroom, type TestDarkroom } from '../../support/darkroom.js';
import { sendRaw, type RawAnswer } from '../../support/raw-http.js';

describe('addresses of the board (security 35)', () => {
  let darkroom: TestDarkroom;
  beforeAll(async () => {
    darkroom = await startDarkroom('postgres', { workers: false });
  });
  afterAll(() => darkroom.close());

  /** The path as it stands: an HTTP client would tidy it. */
  function send(path: string, key?: string, method = 'GET', more = ''): Promise<RawAnswer> {
    const credential = key === undefined ? '' : `authorization: Bearer ${key}\r\n`;
    const head = `host: localhost\r\nconnection: close\r\n${credential}${more}`;
    return sendRaw(darkroom.url, `${method} ${path} HTTP/1.1\r\n${head}\r\n`);
  }

  async function isProblem(
    sent: Promise<RawAnswer>,
    status: number,
    expected: string,
  ): Promise<void> {
    const { status: got, headers, body } = await sent;
    about(`${expected}: ${body}`, () => expect(got).toBe(status));
    about(expected, () => expect(headers.get('content-type')).toBe(problemType));
  }

  const there = [
    '',
    '/',
    '?a=1',
    '/?a=1',
    '/queue/high_priority',
    '/queue/high_priority/',
    '/api/queues',
    '/api/queues/',
    '/api/queues?activeQueue=high_priority',
    '/static/favicon.ico',
    '/static/favicon.ico?v=1',
  ].map((path) => `/admin/queues${path}`);
  const otherSpellings = ['/%61dmin/queues', '/admin/%71ueues/api/queues'];
  for (const path of [...there, ...otherSpellings]) {
    it(`${path} exists, behind the gate`, async () => {
      await isProblem(send(path), 401, 'without a key');
      expect((await send(path, darkroom.adminKey)).status).toBe(200);
    });
  }

  const nothing = [
    '//',
    '/nope',
    '/nope/',
    '/nope?a=1',
    '//nope',
    '/.',
    '/..',
    '/../queues',
    '/%2e%2e',
    '/%2e%2e/users',
    '/%2f',
    '/nope%2fnope',
    '/%5c',
    '/%00',
    '/..%2f..%2fetc%2fpasswd',
    '/;a=1',
    '/API/queues',
    '/Queue/high_priority',
    '/api',
    '/api/nope',
    '/api//queues',
    '/api/queues/nope',
    '/api/queues/nope/nope',
    '/api/queues/high_priority/nope',
    '/api/queues/high_priority/%2e%2e',
    '/STATIC/favicon.ico',
    '/static',
    '/static/',
    '/static/nope.js',
    '/static/favicon.ico/',
    '/static/js/',
    '/static/..%2findex.ejs',
    '/index.ejs',
  ].map((path) => `/admin/queues${path}`);
  for (const path of nothing) {
    it(`${path} does not exist: 404 for admins, 401 for others`, async () => {
      await isProblem(send(path), 401, 'without a key');
      await isProblem(send(path, darkroom.adminKey), 404, 'with a key');
    });
  }

  for (const path of ['/static/../index.ejs', '/static/%2e%2e/index.ejs', '/static//favicon.ico']) {
    it(`${path} leads out of the folder and gets our own 403`, async () => {
      await isProblem(send(`/admin/queues${path}`), 401, 'without a key');
      await isProblem(send(`/admin/queues${path}`, darkroom.adminKey), 403, 'with a key');
    });
  }

  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'QUERY', 'TRACE']) {
    it(`${method} is refused at every address (security 37)`, async () => {
      for (const path of [...there, ...nothing]) {
        await isProblem(send(path, undefined, method), 401, `${path} without a key`);
        await isProblem(send(path, darkroom.adminKey, method), 405, `${path} with a key`);
      }
    });
  }

  it('every address sends a browser to the login', async () => {
    for (const path of [...there, ...nothing]) {
      const { status, headers } = await send(path, undefined, 'GET', 'accept: text/html\r\n');
      about(path, () => expect(status).toBe(303));
      const login = `/admin/login?next=${encodeURIComponent(path)}`;
      about(path, () => expect(headers.get('location')).toBe(login));
    }
  });

  it("an address that only looks like the board's does not exist for anybody", async () => {
    const others = [
      '/ADMIN/queues',
      '/admin/Queues',
      '//admin/queues',
      '/admin//queues',
      '/admin%2fqueues',
      '/admin/queues%2f',
      '/admin/queuesx',
      '/admin/queues;a=1',
      '/x/../admin/queues',
    ];
    for (const path of others) {
      await isProblem(send(path), 404, `${path} without a key`);
      await isProblem(send(path, darkroom.adminKey), 404, `${path} with a key`);
    }
  });
});
