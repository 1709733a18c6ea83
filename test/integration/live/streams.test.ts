import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { v7 as uuidv7 } from 'uuid';
import { ApiKeys } from '../../../src/features/auth/api-keys.js';
import { AuthService } from '../../../src/features/auth/auth.service.js';
import { addNumbersTask } from '../../../src/features/calculate/calculate.tasks.js';
import { sendEmailTask } from '../../../src/features/email/email.tasks.js';
import { LiveLimits } from '../../../src/features/live/live-limits.js';
import { MessageBus } from '../../../src/infrastructure/queue/message-bus.js';
import { chain, s, si } from '../../../src/tasks/canvas/signatures.js';
import { TaskClient } from '../../../src/tasks/sending/task-client.js';
import { startDarkroom, type TestDarkroom } from '../../support/darkroom.js';
import { listen, type Heard, type Listener } from '../../support/event-source.js';
import { eventually } from '../../support/eventually.js';
import { onBothQueueEngines } from '../../support/on-both-queue-engines.js';
import { problemOf } from '../../support/problem.js';

const small = { prompt: 'CANARY-LIVE', width: 64, height: 64, steps: 1 };
const settings = { liveHeartbeatMs: 200, liveStreamsPerUser: 20, liveStreams: 40 };

interface Person {
  id: string;
  key: string;
  keyId: string;
}

function tools(darkroom: TestDarkroom) {
  const heard: Listener[] = [];
  const open = async (path: string, key: string, lastId?: string) => {
    const one = await listen(`${darkroom.url}/api/v1/tasks/${path}`, { key, lastId });
    heard.push(one);
    return one;
  };
  return {
    person: async (): Promise<Person> => {
      const { id } = await darkroom.app.get(AuthService).createUser(uuidv7(), 'user');
      const { id: keyId, key } = await darkroom.app.get(ApiKeys).create(id);
      return { id, key, keyId };
    },
    open,
    listen: async (path: string, key: string, lastId?: string) => {
      const one = await open(path, key, lastId);
      expect([one.answer.status, path]).toEqual([200, path]);
      return one;
    },
    generate: async (key: string, body = {}) => {
      const answer = await darkroom.request('/api/v1/generate-image', {
        method: 'POST',
        key,
        body: JSON.stringify({ ...small, ...body }),
        headers: { 'content-type': 'application/json' },
      });
      expect(answer.status).toBe(202);
      return ((await answer.json()) as { task_id: string }).task_id;
    },
    add: async (ownerId: string) =>
      (
        await darkroom.app
          .get(TaskClient)
          .send(darkroom.database.manager, addNumbersTask, { x: 1, y: 2 }, { ownerId })
      ).id,
    hangUpAll: () => heard.splice(0).forEach((one) => one.hangUp()),
  };
}

/** Without ids: the same position can be said in several ways. */
const told = (events: Heard[]) => events.map(({ event, data }) => ({ event, data }));
const types = (events: { event: string }[]) => events.map(({ event }) => event);
const whole = ['accepted', 'started', 'succeeded', 'uploaded'];

onBothQueueEngines('the stream of a task', (engine) => {
  let darkroom: TestDarkroom;
  let http: ReturnType<typeof tools>;
  let ann: Person;
  beforeAll(async () => {
    darkroom = await startDarkroom(engine, { settings });
    http = tools(darkroom);
    ann = await http.person();
  });
  afterAll(async () => {
    http.hangUpAll();
    await darkroom.close();
  });

  it('tells the life of a picture with its progress, and ends when that is stored', async () => {
    darkroom.sketch.misbehave({ kind: 'slow', stepMs: 100 });
    const id = await http.generate(ann.key, { steps: 20, batch_size: 2 });
    const stream = await http.listen(`${id}/events`, ann.key);
    await stream.ended();
    expect(types(stream.heard.filter(({ event }) => event !== 'progress'))).toEqual(whole);
    const progress = stream.heard.filter(({ event }) => event === 'progress');
    expect(progress.length).toBeGreaterThan(0);
    expect(progress[0]).toEqual({
      event: 'progress',
      data: {
        task_id: id,
        name: 'generate_image_task',
        owner_id: ann.id,
        at: expect.any(String),
        attempt: 1,
        percent: expect.any(Number),
        step: expect.any(Number),
        steps: 20,
        eta_seconds: expect.anything(),
      },
    });
    expect(JSON.stringify(stream.heard)).not.toContain('CANARY');
    const { headers } = stream.answer;
    expect(headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    expect(headers.get('cache-control')).toBe('no-cache, no-transform');
    expect(headers.get('x-accel-buffering')).toBe('no');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
  });

  it('goes on behind each event at which it was cut, and is over behind the last', async () => {
    const id = await http.generate(ann.key);
    const first = await http.listen(`${id}/events`, ann.key);
    await first.ended();
    const events = first.heard.filter((one) => one.id !== undefined);
    expect(types(events)).toEqual(whole);
    for (const [i, { id: lastId }] of events.entries()) {
      const again = await http.open(`${id}/events`, ann.key, lastId);
      await again.ended();
      expect(again.answer.status).toBe(i < 3 ? 200 : 204);
      const rest = again.heard.filter((one) => one.id !== undefined);
      expect(told(rest)).toEqual(told(events.slice(i + 1)));
    }
  });

  it('ends with failures and revocations, and says why as the status does', async () => {
    darkroom.sketch.misbehave({ kind: 'slow', stepMs: 60_000 });
    const id = await http.generate(ann.key, { steps: 20 });
    const stream = await http.listen(`${id}/events`, ann.key);
    await stream.hears(2);
    await darkroom.post(`/api/v1/tasks/${id}/revoke`, {});
    await stream.ended();
    const last = stream.heard.at(-1)!;
    expect([last.event, last.data.error]).toEqual(['revoked', (await darkroom.finished(id)).error]);
  });

  it('tells of all tasks of a user, also of those in a canvas, and of nobody else’s', async () => {
    const [bob, eve] = [await http.person(), await http.person()];
    const [his, hers] = [
      await http.listen('stream', bob.key),
      await http.listen('stream', eve.key),
    ];
    const all = await http.listen('stream?owner=all', darkroom.adminKey);
    const id = await http.add(bob.id);
    const steps = chain(si(addNumbersTask, { x: 1, y: 1 }), s(addNumbersTask, 'x', { y: 1 }));
    const sending = darkroom.app.get(TaskClient);
    const canvas = await sending.sendCanvas(darkroom.database.manager, steps, { ownerId: bob.id });
    const events = await his.hears(3 + 2 + 6);
    expect(types(events.filter(({ data }) => data.task_id === id))).toEqual([
      'accepted',
      'started',
      'succeeded',
    ]);
    expect(types(events.filter(({ data }) => data.task_id === canvas.id))).toEqual([
      'accepted',
      'succeeded',
    ]);
    await all.hears(11);
    expect(all.heard.filter(({ data }) => data['owner_id'] === bob.id).length).toBe(11);
    await eventually('her heart beats', () => hers.beats() > 1);
    expect(hers.heard).toEqual([]);
  });

  it('of a user can be cut at any event, and before the first', async () => {
    const bob = await http.person();
    const early = await http.listen('stream', bob.key);
    await eventually('it has a position', () => early.lastId());
    early.hangUp();
    const ids = [await http.add(bob.id), await http.add(bob.id)];
    for (const id of ids) await darkroom.app.get(TaskClient).result(id).get();
    const full = await http.listen('stream', bob.key, early.lastId());
    const events = await full.hears(6);
    for (const [i, { id: lastId }] of events.entries()) {
      const again = await http.listen('stream', bob.key, lastId);
      const rest = await again.hears(5 - i);
      await eventually('it goes on', () => again.beats() > 0);
      expect(told(rest)).toEqual(told(events.slice(i + 1)));
      again.hangUp();
    }
  });

  it('goes on by itself while no message arrives', async () => {
    const bob = await http.person();
    const bus = darkroom.app.get(MessageBus);
    const publish = bus.publish.bind(bus);
    bus.publish = async () => {
      throw new Error('The bus is away.');
    };
    try {
      const stream = await http.listen('stream', bob.key);
      await http.add(bob.id);
      expect(types(await stream.hears(3))).toEqual(['accepted', 'started', 'succeeded']);
    } finally {
      bus.publish = publish;
    }
  });
});

describe('event streams', () => {
  let darkroom: TestDarkroom;
  let http: ReturnType<typeof tools>;
  let ann: Person;
  beforeAll(async () => {
    darkroom = await startDarkroom('postgres', { settings, workers: false });
    http = tools(darkroom);
    ann = await http.person();
  });
  afterAll(async () => {
    http.hangUpAll();
    await darkroom.close();
  });

  it('have each row once, though transactions commit in another order', async () => {
    const bob = await http.person();
    const stream = await http.listen('stream', bob.key);
    const slow = darkroom.database.createQueryRunner();
    await slow.startTransaction();
    const tasks = darkroom.app.get(TaskClient);
    const options = { ownerId: bob.id };
    const first = await tasks.send(slow.manager, addNumbersTask, { x: 1, y: 1 }, options);
    const second = await http.add(bob.id);
    await stream.hears(1);
    // One that comes back, and one that stays.
    const back = await http.listen('stream', bob.key, stream.lastId());
    await slow.commitTransaction();
    await slow.release();
    await stream.hears(2);
    expect(stream.heard.map(({ data }) => data.task_id)).toEqual([second, first.id]);
    await back.hears(1);
    const third = await http.add(bob.id);
    await back.hears(2);
    expect(back.heard.map(({ data }) => data.task_id)).toEqual([first.id, third]);
    const last = await http.listen('stream', bob.key, back.lastId());
    await eventually('it goes on', () => last.beats() > 1);
    expect(last.heard).toEqual([]);
  });

  it('are told all of a large transaction, by pages', async () => {
    const bob = await http.person();
    const stream = await http.listen('stream', bob.key);
    await eventually('it has a position', () => stream.lastId());
    const from = stream.lastId();
    const sends = Array.from({ length: 1_200 }, () => ({
      payload: { x: 1, y: 1 },
      options: { ownerId: bob.id },
    }));
    await darkroom.database.transaction((tx) =>
      darkroom.app.get(TaskClient).sendMany(tx, addNumbersTask, sends),
    );
    await stream.hears(1_200);
    expect(new Set(stream.heard.map(({ data }) => data.task_id)).size).toBe(1_200);
    const again = await http.listen('stream', bob.key, from);
    await again.hears(1_200);
    expect(told(again.heard)).toEqual(told(stream.heard));
  });

  it('end with their key, and with their user', async () => {
    const [bob, eve] = [await http.person(), await http.person()];
    const [his, hers] = [
      await http.listen('stream', bob.key),
      await http.listen('stream', eve.key),
    ];
    await darkroom.app.get(ApiKeys).revoke(bob.keyId);
    await his.ended();
    await eventually('hers goes on', () => hers.beats() > 2);
    expect(hers.isOver()).toBe(false);
    await darkroom.database.query('UPDATE users SET deleted_at = now() WHERE id = $1', [eve.id]);
    await hers.ended();
  });

  it('are for browsers too, with their session, as long as it lasts', async () => {
    const { token } = await darkroom.app.get(AuthService).createSession({ id: ann.id });
    const answer = await fetch(`${darkroom.url}/api/v1/tasks/stream`, {
      headers: { cookie: `darkroom_session=${token}` },
    });
    expect(answer.status).toBe(200);
    await darkroom.app.get(AuthService).endSession(token);
    await answer.text();
  });

  it('are not for keys that may not read, nor of others for users', async () => {
    const { key } = await darkroom.app.get(ApiKeys).create(ann.id, { scopes: ['write'] });
    await problemOf((await http.open('stream', key)).answer, 403, 'insufficient_scope');
    for (const owner of ['all', uuidv7()]) {
      const { answer } = await http.open(`stream?owner=${owner}`, ann.key);
      await problemOf(answer, 403, 'forbidden');
    }
    const id = await http.add((await http.person()).id);
    await problemOf((await http.open(`${id}/events`, ann.key)).answer, 404, 'not_found');
  });

  for (const id of [
    'x',
    '-1',
    '1:',
    '1;2',
    '5;9.1',
    `${2n ** 64n}`,
    '1'.repeat(99),
    '9999999999',
  ]) {
    it(`refuse a Last-Event-ID that was never theirs: ${id}`, async () => {
      const own = await http.add(ann.id);
      for (const path of ['stream', `${own}/events`]) {
        const { answer } = await http.open(path, ann.key, id);
        const { errors } = await problemOf(answer, 422, 'invalid_fields');
        expect(errors![0]!.path).toBe('Last-Event-ID');
      }
    });
  }

  it('are limited for each user, and have room again when one is closed', async () => {
    const bob = await http.person();
    const some: Listener[] = [];
    for (let n = 0; n < settings.liveStreamsPerUser; n++) {
      some.push(await http.listen('stream', bob.key));
    }
    const { answer } = await http.open('stream', bob.key);
    await problemOf(answer, 429, 'too_many_streams');
    expect(answer.headers.get('retry-after')).not.toBe(null);
    some[0]!.hangUp();
    await eventually('there is room', async () => {
      return (await http.open('stream', bob.key)).answer.status === 200;
    });
    for (const one of some) one.hangUp();
  });

  it('answer HEAD without a stream', async () => {
    const own = await http.add(ann.id);
    for (const path of ['stream', `${own}/events`]) {
      const answer = await darkroom.request(`/api/v1/tasks/${path}`, {
        method: 'HEAD',
        key: ann.key,
      });
      expect([answer.status, answer.headers.get('content-type')]).toEqual([
        200,
        'text/event-stream; charset=utf-8',
      ]);
    }
  });

  it('end with a task that has no history: a chore, or one from before there was any', async () => {
    const old = await http.add(ann.id);
    await darkroom.database.query(`UPDATE tasks SET followed = false WHERE id = $1`, [old]);
    await darkroom.database.query(`DELETE FROM task_history WHERE task_id = $1`, [old]);
    const stream = await http.listen(`${old}/events`, ann.key);
    await darkroom.database.query(
      `UPDATE tasks SET state = 'SUCCESS', finished_at = now() WHERE id = $1`,
      [old],
    );
    await stream.ended();
    expect(types(stream.heard)).toEqual(['succeeded']);
    const again = await http.open(`${old}/events`, ann.key, stream.lastId());
    expect(again.answer.status).toBe(204);
    const chore = await darkroom.app
      .get(TaskClient)
      .send(darkroom.database.manager, sendEmailTask, { mail_id: uuidv7() }, { ownerId: ann.id });
    const late = await http.listen(`${chore.id}/events`, ann.key);
    await darkroom.app.get(TaskClient).revoke(chore.id);
    await late.ended();
    expect(types(late.heard)).toEqual(['revoked']);
  });

  it('are cut off for a client that takes nothing, which can come back', async () => {
    const bob = await http.person();
    const limits = darkroom.app.get(LiveLimits);
    const { drainMs } = limits;
    limits.drainMs = 500;
    const { hostname, port } = new URL(darkroom.url);
    const frozen = connect(Number(port), hostname);
    const hungUp = once(frozen, 'close');
    frozen.on('error', () => {});
    frozen.write(
      `GET /api/v1/tasks/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${bob.key}\r\n\r\n`,
    );
    const [head] = (await once(frozen, 'data')) as [Buffer];
    frozen.pause();
    expect(head.toString()).toContain('200 OK');
    limits.drainMs = drainMs;
    const reader = await http.listen('stream', bob.key);
    await eventually('it has a position', () => reader.lastId());
    // More than the buffers of both kernels hold.
    const error = { code: 'x', message: 'x'.repeat(100_000), retryable: false };
    await darkroom.database.query(
      `INSERT INTO task_history (task_id, owner_id, name, at, type, attempt, error)
       SELECT $1, $2, 'x', now(), 'retrying', 1, $3 FROM generate_series(1, 200)`,
      [uuidv7(), bob.id, error],
    );
    await reader.hears(200);
    frozen.resume();
    await hungUp;
    const back = await http.listen('stream', bob.key, reader.heard[150]!.id);
    expect(told(await back.hears(49))).toEqual(told(reader.heard.slice(151)));
  });

  it('end when their process does', async () => {
    const other = await startDarkroom('postgres', { settings, workers: false });
    const streams = [
      await listen(`${other.url}/api/v1/tasks/stream`, { key: other.adminKey }),
      await listen(`${other.url}/api/v1/tasks/stream?owner=all`, { key: other.adminKey }),
    ];
    await other.close();
    for (const stream of streams) await stream.ended();
  });
});
