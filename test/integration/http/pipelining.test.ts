import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { about } from '../../support/about.js';
import { ObjectStorage } from '../../../src/features/storage/object-storage.js';
import { collectGarbage } from '../../support/collect-garbage.js';
import { startDarkroom, type TestDarkroom } from '../../support/darkroom.js';
import { eventually } from '../../support/eventually.js';

const requests = 400;
const ok = 'HTTP/1.1 200 OK\r\n';

/** It may be cut off. */
function closed(socket: Socket): Promise<void> {
  socket.on('error', () => {});
  return new Promise((resolve) => void socket.once('close', () => resolve()));
}

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
    socket.on('data', (chunk: Buffer) => {
      const text = end + chunk.toString('latin1');
      answered += text.split(ok).length - 1;
      end = text.slice(-(ok.length - 1));
    });
    await closed(socket);
    return answered;
  }

  /** Floods from so many connections, and lets another user ask one thing after the other until that is over. */
  async function floodFrom(connections: number) {
    const storage = darkroom.app.get(ObjectStorage);
    const get = storage.get.bind(storage);
    let [now, most, read] = [0, 0, 0];
    const spy = jest.spyOn(storage, 'get').mockImplementation(async (key: string) => {
      most = Math.max(most, ++now);
      read++;
      try {
        return await get(key);
      } finally {
        now--;
      }
    });
    const other = await darkroom.newUserKey(`other ${connections}`);
    const over = new AbortController();
    const flooding = Promise.all(Array.from({ length: connections }, flood)).finally(() =>
      over.abort(),
    );
    await eventually('the flood has begun', () => read > 0);
    /** Each answer, and how many pictures were read for the others until it came. */
    const others: { status: number; reads: number }[] = [];
    while (!over.signal.aborted) {
      const before = read;
      const { status } = await darkroom.request('/api/v1/tasks', { key: other });
      others.push({ status, reads: read - before });
    }
    const answered = await flooding;
    // It holds all that it has returned.
    spy.mockRestore();
    return { answered, others, most };
  }

  it('of ten connections are answered in turn, one per connection at a time, and others meanwhile', async () => {
    const { answered, others, most } = await floodFrom(10);
    expect(answered).toEqual(Array.from({ length: 10 }, () => requests));
    about(`${most} at once`, () => expect(most).toBeLessThanOrEqual(10));
    expect(new Set(others.map(({ status }) => status))).toEqual(new Set([200]));
    expect(others.length).toBeGreaterThan(requests / 4);
    // A few of each connection.
    expect(Math.max(...others.map(({ reads }) => reads))).toBeLessThan(40);
  });

  it('of fifty connections are too many: the process cuts them off, answers others, and holds nothing of them', async () => {
    const before = await memoryInUse();
    const { answered, others } = await floodFrom(50);
    expect(answered.filter((number) => number < requests).length).toBeGreaterThan(20);
    expect(new Set(others.map(({ status }) => status))).toEqual(new Set([200]));
    expect((await memoryInUse()) - before).toBeLessThan(30e6);
    expect((await darkroom.request(path)).status).toBe(200);
  });

  it('are cut off when they do not end', async () => {
    const socket = connect(Number(new URL(darkroom.url).port), '127.0.0.1');
    // The first of them holds up the rest.
    const body = JSON.stringify({ prompt: 'x', priority: 'low' });
    socket.write(
      'POST /api/v1/generate-image HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n' +
        `Authorization: Bearer ${darkroom.adminKey}\r\nPrefer: wait=60\r\n` +
        `Content-Length: ${body.length}\r\n\r\n${body}` +
        ask('/health/live', false).repeat(1_100),
    );
    socket.resume();
    await closed(socket);
  });
});
