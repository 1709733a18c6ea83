import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startDarkroom, type TestDarkroom } from '../../support/darkroom.js';
import { eventually } from '../../support/eventually.js';
import { problemOf } from '../../support/problem.js';

describe('more requests than a process has memory for', () => {
  let darkroom: TestDarkroom;
  beforeAll(async () => {
    darkroom = await startDarkroom('postgres', { workers: false });
  });
  afterAll(() => darkroom.close());

  const more = 'GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n';

  /** A request that waits for a minute, and others behind it on the same connection. */
  function crowd(behind: number): Socket {
    const socket = connect(Number(new URL(darkroom.url).port), '127.0.0.1');
    socket.on('error', () => {}).resume();
    const body = JSON.stringify({ prompt: 'x' });
    socket.write(
      'POST /api/v1/generate-image HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n' +
        `Authorization: Bearer ${darkroom.adminKey}\r\nPrefer: wait=60\r\n` +
        `Content-Length: ${body.length}\r\n\r\n${body}` +
        more.repeat(behind),
    );
    return socket;
  }

  it('are refused with 503 and Retry-After, until some are over (security 21)', async () => {
    const path = '/api/v1/tasks';
    expect((await darkroom.request(path)).status).toBe(200);
    // Five thousand in all.
    const crowds = [900, 900, 900, 900, 900, 494].map(crowd);
    const refused = await eventually('a request is refused', async () => {
      const answer = await darkroom.request(path);
      return answer.status !== 200 && answer;
    });
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    await problemOf(refused, 503, 'unavailable');
    // Who has requests in line already is cut off for one more; nobody else is.
    crowds[0]!.write(more);
    await once(crowds[0]!, 'close');
    expect(crowds.filter(({ closed }) => closed).length).toBe(1);
    expect((await darkroom.request(path)).status).toBe(200);
    for (const socket of crowds) socket.destroy();
    await Promise.all(crowds.slice(1).map((socket) => once(socket, 'close')));
    // Nothing of them is still counted.
    const others = [900, 900, 900, 900, 800].map(crowd);
    expect((await darkroom.request(path)).status).toBe(200);
    for (const socket of others) socket.destroy();
  });
});
