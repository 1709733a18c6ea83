import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { about } from '../../support/about.js';
import { ObjectStorage } from '../../../src/features/storage/object-storage.js';
import { collectGarbage } from '../../support/collect-garbage.js';
import { startDarkroom, type TestDarkroom } from '../../support/darkroom.js';
import { eventually } from '../../support/eventually.js';

const sockets = 50;
const requests = 400;
const ok = 'HTTP/1.1 200 OK\r\n';

/** What is held on to. Bytes. */
async function memoryInUse(): Promise<number> {
  await collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

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
    let answered = 0;
    let end = '';
    for await (const chunk of socket) {
      const text = end + (chunk as Buffer).toString('latin1');
      answered += text.split(ok).length - 1;
      end = text.slice(-(ok.length - 1));
    }
    return answered;
  }

  it('of fifty connections are answered in turn, others meanwhile, and nothing of them stays', async () => {
    const storage = darkroom.app.get(ObjectStorage);
    const get = storage.get.bind(storage);
    let [now, most, read] = [0, 0, 0];
    jest.spyOn(storage, 'get').mockImplementation(async (key: string) => {
      most = Math.max(most, ++now);
      read++;
      try {
        return await get(key);
      } finally {
        now--;
      }
    });
    const other = await darkroom.newUserKey('other');
    const before = await memoryInUse();
    const over = new AbortController();
    const flooding = Promise.all(Array.from({ length: sockets }, flood)).finally(() =>
      over.abort(),
    );
    await eventually('the flood has begun', () => read > sockets);
    // How many pictures are sent to the others while one request of another user is answered.
    const meanwhile: number[] = [];
    while (!over.signal.aborted) {
      const start = read;
      expect((await darkroom.request('/api/v1/tasks', { key: other })).status).toBe(200);
      meanwhile.push(read - start);
    }
    expect(await flooding).toEqual(Array.from({ length: sockets }, () => requests));
    about(`${most} at once`, () => expect(most).toBeLessThanOrEqual(sockets));
    // A request passes few statements, each behind those of one request of each connection.
    expect(meanwhile.length).toBeGreaterThan(20);
    expect(Math.max(...meanwhile)).toBeLessThan(sockets * 15);
    expect((await memoryInUse()) - before).toBeLessThan(30e6);
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
