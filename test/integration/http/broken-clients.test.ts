import type { IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { startDarkroom, type TestDarkroom } from '../../support/darkroom.js';
import { eventually } from '../../support/eventually.js';
import { problemOf } from '../../support/problem.js';
import { sendRaw } from '../../support/raw-http.js';

const get = 'GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n';
const post =
  'POST /api/v1/generate-image HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n';

const broken: Record<string, [status: number, code: string, bytes: string | Buffer]> = {
  'no HTTP at all': [400, 'malformed_request', 'hello\r\n\r\n'],
  'the beginning of TLS': [400, 'malformed_request', Buffer.from('16030100a5010000a1', 'hex')],
  'an unknown verb': [400, 'malformed_request', get.replace('GET', 'FETCH')],
  'a space in a header name': [400, 'malformed_request', `${get}a b: c\r\n\r\n`],
  'a NUL in a header': [400, 'malformed_request', `${get}a: \0\r\n\r\n`],
  'two lengths': [
    400,
    'malformed_request',
    `${post}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}`,
  ],
  'a length and chunks': [
    400,
    'malformed_request',
    `${post}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  ],
  'a chunk without a size': [
    400,
    'malformed_request',
    `${post}Transfer-Encoding: chunked\r\n\r\nxyz\r\n`,
  ],
  'headers over 16 KB': [431, 'headers_too_large', `${get}a: ${'x'.repeat(17_000)}\r\n\r\n`],
  'a URL over 16 KB': [431, 'headers_too_large', get.replace('live', 'x'.repeat(17_000))],
};

describe('a broken client', () => {
  let darkroom: TestDarkroom;
  beforeAll(async () => {
    darkroom = await startDarkroom('postgres', { workers: false });
  });
  afterAll(() => darkroom.close());
  afterEach(async () => {
    expect((await darkroom.request('/health/live')).status).toBe(200);
  });

  async function isRefused(
    answer: { status: number; headers: Headers; body: string },
    status: number,
    code: string,
  ): Promise<void> {
    expect(answer.headers.get('connection')).toBe('close');
    await problemOf(new Response(answer.body, answer), status, code);
  }

  for (const [what, [status, code, bytes]] of Object.entries(broken)) {
    it(`${what}: ${status}`, async () => {
      await isRefused(await sendRaw(darkroom.url, bytes), status, code);
    });
  }

  it('gets 408 when it never ends its headers or its body (security 15)', async () => {
    const server = darkroom.app.getHttpServer();
    const { headersTimeout, requestTimeout } = server;
    Object.assign(server, { headersTimeout: 200, requestTimeout: 200 });
    try {
      const unfinished = `${post}Authorization: Bearer ${darkroom.adminKey}\r\nContent-Length: 99\r\n\r\n{`;
      for (const bytes of [get, unfinished]) {
        await isRefused(await sendRaw(darkroom.url, bytes), 408, 'request_timeout');
      }
    } finally {
      Object.assign(server, { headersTimeout, requestTimeout });
    }
  });

  it('may disconnect in the middle of its body without an error on our side', async () => {
    const arrived = once(darkroom.app.getHttpServer(), 'request');
    const socket = connect(Number(new URL(darkroom.url).port), '127.0.0.1');
    socket.write(
      `${post}Authorization: Bearer ${darkroom.adminKey}\r\nContent-Length: 99\r\n\r\n{`,
    );
    const [request] = (await arrived) as [IncomingMessage];
    await eventually('its body is read', async () => request.listenerCount('data') > 0);
    const lines: string[] = [];
    const note = (line: string) => void lines.push(line);
    jest.spyOn(Logger.prototype, 'debug').mockImplementation(note);
    jest.spyOn(Logger.prototype, 'warn').mockImplementation(note);
    socket.destroy();
    const line = await eventually('it is noticed', async () => lines.find((l) => /POST/.test(l)));
    expect(line).toMatch(/^503 POST \/api\/v1\/generate-image .*: the client has left$/);
    const [row] = await darkroom.database.query('SELECT count(*)::int AS count FROM tasks');
    expect(row.count).toBe(0);
  });

  it('is never waited for without a limit (security 15)', () => {
    const { headersTimeout, requestTimeout, timeout, keepAliveTimeout } =
      darkroom.app.getHttpServer();
    for (const wait of [headersTimeout, requestTimeout, timeout, keepAliveTimeout]) {
      expect(wait > 0 && wait <= 90_000).toBe(true);
    }
  });
});
