import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { about } from '../../support/about.js';
import { ObjectStorage } from '../../../src/features/storage/object-storage.js';
import { startDarkroom, type TestDarkroom } from '../../support/darkroom.js';

const sockets = 10;
const requests = 400;

describe('pipelined requests', () => {
  let darkroom: TestDarkroom;
  let path: string;
  beforeAll(async () => {
    darkroom = await startDarkroom('postgres');
    const id = await darkroom.generate({ prompt: 'a lighthouse', width: 64, height: 64, steps: 1 });
    path = (await darkroom.finished(id)).result!.images[0]!.url;
  });
  afterAll(() => darkroom.close());

  const ask = (url: string, last: boolean) =>
    `GET ${url} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${darkroom.adminKey}\r\n` +
    `Connection: ${last ? 'close' : 'keep-alive'}\r\n\r\n`;

  async function flood(): Promise<number> {
    const socket = connect(Number(new URL(darkroom.url).port), '127.0.0.1');
    const all = Array.from({ length: requests }, (_, i) => ask(path, i === requests - 1));
    socket.write(all.join(''));
    let text = '';
    for await (const chunk of socket) text += (chunk as Buffer).toString('latin1');
    return text.split('HTTP/1.1 200 OK\r\n').length - 1;
  }

  it('of ten connections are answered in turn, one per connection at a time', async () => {
    const storage = darkroom.app.get(ObjectStorage);
    const get = storage.get.bind(storage);
    let now = 0;
    let most = 0;
    jest.spyOn(storage, 'get').mockImplementation(async (key: string) => {
      most = Math.max(most, ++now);
      try {
        return await get(key);
      } finally {
        now--;
      }
    });
    const answered = await Promise.all(Array.from({ length: sockets }, flood));
    expect(answered).toEqual(Array.from({ length: sockets }, () => requests));
    about(`${most} at once`, () => expect(most).toBeLessThanOrEqual(sockets));
    expect((await darkroom.request(path)).status).toBe(200);
  });

  it('are cut off when they do not end', async () => {
    const socket = connect(Number(new URL(darkroom.url).port), '127.0.0.1');
    socket.on('error', () => {});
    // The first of them holds up the rest.
    const body = JSON.stringify({ prompt: 'x', priority: 'low' });
    socket.write(
      'POST /api/v1/generate-image HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n' +
        `Authorization: Bearer ${darkroom.adminKey}\r\nPrefer: wait=60\r\n` +
        `Content-Length: ${body.length}\r\n\r\n${body}` +
        ask('/health/live', false).repeat(1_100),
    );
    socket.resume();
    await once(socket, 'close');
  });
});
