import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startDarkroom, type TestDarkroom } from '../../support/darkroom.js';
import { eventually } from '../../support/eventually.js';

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

  it('cost the connection with most of them in line its place, and nobody else', async () => {
    const path = '/api/v1/tasks';
    expect((await darkroom.request(path)).status).toBe(200);
    // Five thousand in all.
    const crowds = [900, 990, 900, 900, 900, 404].map(crowd);
    await eventually('the longest line has made room for another request', async () => {
      expect((await darkroom.request(path)).status).toBe(200);
      return crowds[1]!.closed;
    });
    expect(crowds.filter(({ closed }) => closed).length).toBe(1);
    const open = crowds.filter(({ closed }) => !closed);
    for (const socket of open) socket.destroy();
    await Promise.all(open.map((socket) => once(socket, 'close')));
    // Nothing of them is still counted.
    const others = [900, 900, 900, 900, 800].map(crowd);
    expect((await darkroom.request(path)).status).toBe(200);
    expect(others.filter(({ closed }) => closed)).toEqual([]);
    for (const socket of others) socket.destroy();
  });
});
