import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Agent, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { TaskStatusService } from '../../../src/features/task-status/task-status.service.js';
import { about } from '../../support/about.js';
import { collectGarbage } from '../../support/collect-garbage.js';
import { startDarkroom, type TestDarkroom } from '../../support/darkroom.js';
import { eventually } from '../../support/eventually.js';

const body = { prompt: 'a lighthouse', width: 64, height: 64, steps: 1 };
const path = '/api/v1/generate-image';
/** Requests that are sent together. 500 inserts in one moment may take a busy machine longer than a request's patience. */
const together = 25;

describe('clients that wait, with the usual patience for the database', () => {
  let darkroom: TestDarkroom;
  let waits: TaskStatusService;
  beforeAll(async () => {
    darkroom = await startDarkroom('postgres', { workers: false });
    waits = darkroom.app.get(TaskStatusService);
    // The first requests of a process take longer.
    await eventually('it is ready', async () => (await darkroom.post(path, body)).status === 202);
  });
  afterAll(() => darkroom.close());

  it('are all answered when their time is over, 500 at once, and others meanwhile', async () => {
    const waiting: Promise<unknown>[] = [];
    const answered: number[] = [];
    const wait = async () => {
      const answer = await darkroom.post(path, body, { prefer: 'wait=12' });
      answered.push(answer.status);
    };
    while (waiting.length < 500) {
      waiting.push(...Array.from({ length: together }, wait));
      await eventually(
        'they are accepted',
        () => waits.waiting + answered.length === waiting.length,
      );
    }
    await collectGarbage();
    const [some] = await darkroom.database.query('SELECT id FROM tasks LIMIT 1');
    const looks: number[] = [];
    while (answered.length < 500) {
      const look = await darkroom.request(`/api/v1/generation-status/${some.id}`);
      await look.arrayBuffer();
      looks.push(look.status);
      await delay(20);
    }
    await Promise.all(waiting);
    expect([...new Set(answered)]).toEqual([202]);
    about(`${looks.length} looks meanwhile`, () => expect([...new Set(looks)]).toEqual([200]));
  });

  it('stop waiting when they disconnect, 3,000 of them, and cost nothing any more', async () => {
    const agent = new Agent({ maxSockets: Infinity });
    const sockets: ReturnType<typeof post>[] = [];
    const post = () => {
      const sent = request(darkroom.url + path, {
        method: 'POST',
        agent,
        headers: {
          'content-type': 'application/json',
          prefer: 'wait=60',
          authorization: `Bearer ${darkroom.adminKey}`,
        },
      });
      sent.on('error', () => {});
      sent.end(JSON.stringify(body));
      return sent;
    };
    let abandoned = 0;
    while (abandoned < 3_000) {
      for (let i = 0; i < together; i++) sockets.push(post());
      await eventually('all wait', () => waits.waiting === together);
      for (const socket of sockets.splice(0)) socket.destroy();
      await eventually('nobody waits', () => waits.waiting === 0, 50_000);
      abandoned += together;
    }
    const statements = jest.spyOn(Client.prototype, 'query');
    // Who waits reads every five seconds.
    await delay(6_000);
    expect(statements.mock.calls.length).toBeLessThan(100);
  });
});
