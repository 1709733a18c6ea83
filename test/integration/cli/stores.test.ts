import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { AuthService } from '../../../src/features/auth/auth.service.js';
import { QueuePurge } from '../../../src/tasks/control/queue-purge.js';
import { Dispatcher } from '../../../src/tasks/dispatcher.js';
import { defineTask } from '../../../src/tasks/task-definition.js';
import { PermanentTaskError } from '../../../src/tasks/task-errors.js';
import { HandlesTask } from '../../../src/tasks/task-handler.decorator.js';
import { createQueueEngine } from '../../../src/infrastructure/queue/queue.module.js';
import { TaskHints } from '../../../src/tasks/task-hints.js';
import { Schedules } from '../../../src/tasks/schedules/schedules.js';
import { QUEUE_NAMES } from '../../../src/tasks/queues.js';
import { darkroom, envOf, type CliRun } from '../../support/cli.js';
import { eventually } from '../../support/eventually.js';
import { hasRedis, openRedis } from '../../support/stores.js';
import { onBothQueueEngines } from '../../support/queue-engines.js';
import { openTaskLab, type TaskLab } from '../../support/task-lab.js';

/** One of the features' tasks, which the command line knows; here with a handler of the test. */
const upload = defineTask({
  name: 'upload_to_cloud_task',
  queue: 'normal_priority',
  payload: z.strictObject({ image_id: z.uuid() }),
  result: z.strictObject({ object_key: z.string(), thumbnail_key: z.string() }).nullable(),
});
const missing = '00000000-0000-4000-8000-000000000000';
const there = '11111111-1111-4111-8111-111111111111';
const stored = { object_key: 'images/1.png', thumbnail_key: 'thumbnails/1.webp' };
const later = { delayMs: 3_600_000 };
/** BullMQ's worker on Postgres holds its process until the next delayed job is due: not in its queue. */
const elsewhere = { ...later, queue: 'low_priority' as const };

@Injectable()
class Handlers {
  @HandlesTask(upload)
  async upload({ image_id }: z.output<typeof upload.payload>) {
    if (image_id === missing) throw new PermanentTaskError('no_image', 'There is no such image.');
    return stored;
  }
}

onBothQueueEngines('the command line', (engine) => {
  let lab: TaskLab;
  const run = (args: string[], input?: string) => darkroom(args, envOf(lab.stores), input);

  describe('beside a worker', () => {
    before(async () => {
      lab = await openTaskLab(engine, { providers: [Handlers], serve: ['normal_priority'] });
    });
    after(() => lab.close());

    it('call sends, result --wait gets the result', async () => {
      const sent = await run(['call', upload.name, '--payload', `{"image_id":"${there}"}`]);
      assert.deepEqual([sent.code, sent.stderr], [0, '']);
      const id = sent.stdout.trim();
      const { code, json } = await run(['result', id, '--wait', '30s', '--json']);
      assert.equal(code, 0);
      const { task_id, state, result } = json<Record<string, unknown>>();
      assert.deepEqual(
        { task_id, state, result },
        { task_id: id, state: 'SUCCESS', result: stored },
      );
    });

    it('call --wait tells a FAILURE by its exit code', async () => {
      const payload = `{"image_id":"${missing}"}`;
      const { code, stdout } = await run(['call', upload.name, '--payload', payload, '--wait']);
      assert.equal(code, 1);
      assert.match(stdout, /^State +FAILURE$/m);
      assert.match(stdout, /^Error +There is no such image\. \(no_image\)$/m);
    });

    it('call stores options of the task', async () => {
      const payload = ['--payload', `{"image_id":"${there}"}`];
      const options = ['--queue', 'low_priority', '--priority', '2', '--delay', '1h'];
      const { json } = await run(['call', upload.name, ...payload, ...options, '--json']);
      const task = await lab.task(json<{ task_id: string }>().task_id);
      assert.deepEqual([task.queue, task.priority, task.state], ['low_priority', 2, 'PENDING']);
      assert.ok(task.runAt.getTime() - task.createdAt.getTime() >= 3_600_000);
    });

    it('call refuses what does not fit, and stores nothing', async () => {
      const count = () => lab.database.query('SELECT count(*) FROM tasks');
      const before = await count();
      for (const args of [
        [upload.name, '--payload', '{"image_id":1}'],
        [upload.name, '--payload', '{'],
        [upload.name, '--payload', `{"image_id":"${there}"}`, '--priority', '10'],
        [upload.name, '--payload', `{"image_id":"${there}"}`, '--queue', 'fast'],
        ['no_such_task'],
      ]) {
        const { code, stdout, stderr } = await run(['call', ...args]);
        assert.deepEqual([code, stdout], [2, ''], args.join(' '));
        assert.match(stderr, /^darkroom: .+/);
        assert.doesNotMatch(stderr, /^ +at \w.*:\d+/m, 'no stack');
      }
      assert.deepEqual(await count(), before);
    });

    it('result --wait of a task that is not over ends in time with 124', async () => {
      const id = await lab.send(upload, { image_id: there }, elsewhere);
      const { code, stdout, stderr } = await run(['result', id, '--wait', '200ms']);
      assert.deepEqual([code, stdout], [124, '']);
      assert.match(stderr, /is not over after 200ms \(PENDING\)\. It goes on\.\n$/);
    });

    it('result --forget drops the result', async () => {
      const id = await lab.send(upload, { image_id: there });
      await lab.finished(id);
      assert.match((await run(['result', id, '--forget'])).stdout, /images\/1\.png/);
      const { code, stdout } = await run(['result', id]);
      assert.equal(code, 0);
      assert.match(stdout, /^Result +forgotten or expired$/m);
    });

    it('result of an unknown task is 1', async () => {
      const { code, stderr } = await run(['result', missing]);
      assert.deepEqual([code, stderr], [1, `darkroom: There is no task ${missing}.\n`]);
    });

    it('queues move refuses while a worker serves the source', async () => {
      const { databaseUrl, queueUrl } = lab.stores;
      const from = queueUrl ?? databaseUrl;
      const { code, stderr } = await run(['queues', 'move', '--from', from, '--to', databaseUrl]);
      assert.equal(code, 1);
      assert.match(stderr, /serves? normal_priority .* stop every worker/);
    });

    it('inspect asks the workers, and says who is silent', async () => {
      const ping = await run(['inspect', 'ping', '--json', '--timeout', '10s']);
      const { replies, missing } = ping.json<{
        replies: { worker: string }[];
        missing: string[];
      }>();
      assert.deepEqual([ping.code, replies.length, missing], [0, 1, []]);
      const nobody = ['--destination', 'nobody@nowhere', '--timeout', '100ms'];
      const alone = await run(['inspect', 'stats', ...nobody]);
      assert.deepEqual([alone.code, alone.stdout], [1, 'nobody@nowhere  no answer\n']);
      // The texts know no engine, and each command is a process.
      if (engine === 'redis') return;
      for (const what of ['active', 'registered', 'stats', 'active_queues', 'conf', 'report']) {
        const { code, stdout } = await run(['inspect', what, '--timeout', '10s']);
        assert.equal(code, 0, what);
        assert.ok(stdout.startsWith(replies[0]!.worker), what);
      }
    });

    it('control changes a worker while it runs', async () => {
      const pool = ['--queue', 'normal_priority', '--timeout', '10s', '--json'];
      const { code, json } = await run(['control', 'pool_grow', '3', ...pool]);
      assert.equal(code, 0);
      const [reply] = json<{ replies: { data: { concurrency: number }[] }[] }>().replies;
      assert.equal(reply?.data[0]?.concurrency, 5);
      assert.equal((await run(['control', 'rate_limit', 'nope', '1/s'])).code, 2);
      assert.equal((await run(['control', 'time_limit', upload.name])).code, 2);
    });

    it('control revoke stops what waits, and tells an id that is none', async () => {
      const id = await lab.send(upload, { image_id: there }, elsewhere);
      const { code, json } = await run(['control', 'revoke', id, missing, '--json']);
      assert.equal(code, 1);
      assert.deepEqual(json(), [
        { task_id: id, outcome: 'revoked', state: 'REVOKED' },
        { task_id: missing, outcome: 'unknown', state: null },
      ]);
      assert.equal((await run(['control', 'terminate', id])).code, 0);
    });

    it('events prints what happens', async () => {
      const watch = [
        'events',
        '--types',
        'task-succeeded',
        '--limit',
        '1',
        '--for',
        '60s',
        '--json',
      ];
      let seen: CliRun | undefined;
      const watched = run(watch).then((ended) => (seen = ended));
      // The watcher takes its time to start; what happens before that is not for it.
      await eventually('an event was seen', async () => {
        await lab.finished(await lab.send(upload, { image_id: there }));
        return seen;
      });
      const { code, json } = await watched;
      assert.equal(code, 0);
      const { type, name } = json<{ type: string; name: string }>();
      assert.deepEqual([type, name], ['task-succeeded', upload.name]);
    });

    it('events that do not come in time are 124', async () => {
      const watch = ['events', '--types', 'worker-offline', '--limit', '1', '--for', '100ms'];
      const { code, stdout } = await run(watch);
      assert.deepEqual([code, stdout], [124, '']);
    });

    it('schedules are made, paused, run and removed', async () => {
      const payload = ['--payload', `{"image_id":"${there}"}`];
      const add = ['schedules', 'add', 'nightly', upload.name, ...payload];
      const made = await run([...add, '--cron', '30 3 * * *', '--time-zone', 'Europe/Berlin']);
      assert.deepEqual([made.code, made.stderr], [0, '']);
      assert.equal((await run([...add, '--every', '1h'])).code, 1, 'the name is taken');
      assert.equal((await run([...add, '--cron', 'never'])).code, 2);
      assert.equal((await run(add)).code, 2);
      const paused = await run(['schedules', 'pause', 'nightly', '--json']);
      assert.equal(paused.json<{ paused: boolean }>().paused, true);
      const sent = await run(['schedules', 'run', 'nightly']);
      await lab.finished(sent.stdout.trim());
      const history = await run(['schedules', 'history', 'nightly', '--json']);
      const [entry] = history.json<Record<string, unknown>[]>();
      assert.deepEqual([entry?.['manual'], entry?.['state']], [true, 'SUCCESS']);
      await run(['schedules', 'resume', 'nightly']);
      assert.equal((await lab.get(Schedules).find('nightly')).paused, false);
      assert.match((await run(['schedules', 'list'])).stdout, /^nightly +upload_to_cloud_task /m);
      assert.equal((await run(['schedules', 'remove', 'nightly'])).code, 0);
      assert.equal((await run(['schedules', 'remove', 'nightly'])).code, 1);
    });

    it('graph workers draws who serves what', async () => {
      const { code, stdout } = await run(['graph', 'workers']);
      assert.equal(code, 0);
      assert.match(stdout, /w0 --> q1/);
      assert.match(stdout, /q0\["high_priority<br\/>no worker"\]/);
    });

    it('broker sees the engine and its workers', async () => {
      const ping = (await run(['broker', 'ping', '--json'])).json<{ engine: string }>();
      assert.equal(ping.engine, engine);
      const queues = (await run(['broker', 'queues', '--json'])).json<{ workers: number }[]>();
      assert.deepEqual(
        queues.map(({ workers }) => workers),
        [0, 1, 0],
      );
    });

    it('shell has the application in scope, and awaits', async () => {
      const { code, stdout } = await run(
        ['shell', '--json'],
        `await database.query('SELECT 40 + 2 AS n')\nObject.keys(definitions).length > 1\n`,
      );
      assert.equal(code, 0);
      assert.equal(stdout, '[{"n":42}]\ntrue\n');
    });
  });

  describe('without workers', () => {
    before(async () => {
      lab = await openTaskLab(engine, { providers: [Handlers], serve: [] });
    });
    after(() => lab.close());

    it('queues list, broker counts and broker peek show what waits', async () => {
      const id = await lab.send(upload, { image_id: there }, { priority: 7 });
      await lab.send(upload, { image_id: there }, later);
      await lab.get(Dispatcher).idle();
      const queues = (await run(['queues', 'list', '--json'])).json<Record<string, unknown>[]>();
      const { oldest_ms, ...normal } = queues.find(({ queue }) => queue === 'normal_priority')!;
      assert.deepEqual(normal, {
        queue: 'normal_priority',
        waiting: 1,
        delayed: 1,
        running: 0,
        blocked: 0,
      });
      assert.ok(Number(oldest_ms) >= 0);
      const counts = (await run(['broker', 'counts', '--json'])).json<Record<string, unknown>[]>();
      assert.deepEqual(counts[1], {
        queue: 'normal_priority',
        active: 0,
        waiting: 1,
        delayed: 1,
        completed: 0,
        failed: 0,
      });
      const peeked = await run(['broker', 'peek', 'normal_priority', '-n', '1', '--json']);
      const [hint, ...rest] = peeked.json<Record<string, unknown>[]>();
      assert.deepEqual(rest, []);
      assert.deepEqual([hint!['task_id'], hint!['state'], hint!['priority']], [id, 'waiting', 7]);
    });

    it('purge asks, so it needs a terminal or --yes', async () => {
      const { code, stderr } = await run(['purge']);
      assert.equal(code, 2);
      assert.match(stderr, /Delete \d+ waiting tasks of .*\?"\): add --yes to go on\.\n$/);
    });

    it('purge revokes what waits in the queues that were named, and takes its hints away', async () => {
      const low = await lab.send(upload, { image_id: there }, { queue: 'low_priority' });
      await lab.get(Dispatcher).idle();
      const waiting = await lab.get(QueuePurge).count(['normal_priority']);
      assert.ok(waiting > 0);
      const purge = ['purge', '--queues', 'normal_priority', '--yes', '--json'];
      const { code, json } = await run(purge);
      assert.equal(code, 0);
      assert.deepEqual(json(), { queues: ['normal_priority'], revoked: waiting });
      const states = await lab.database.query(
        `SELECT state, error->>'code' AS code, count(*)::int FROM tasks
          WHERE queue = 'normal_priority' GROUP BY 1, 2`,
      );
      assert.deepEqual(states, [{ state: 'REVOKED', code: 'purged', count: waiting }]);
      assert.equal(await lab.hints.of('normal_priority').count(), 0);
      assert.equal((await lab.task(low)).state, 'PENDING');
      assert.equal(await lab.hints.of('low_priority').count(), 1);
      assert.deepEqual((await run(purge)).json(), { queues: ['normal_priority'], revoked: 0 });
    });

    it('purge goes through more than one batch', async () => {
      await lab.database.query(
        `INSERT INTO tasks (id, name, queue, priority, payload)
         SELECT gen_random_uuid(), 'upload_to_cloud_task', 'high_priority', 5, '{}'
           FROM generate_series(1, 1201)`,
      );
      const { stdout } = await run(['purge', '--queues', 'high_priority', '--yes']);
      assert.equal(stdout, 'Purged 1,201 tasks of high_priority.\n');
    });

    it('keys create makes a key that opens the door, for an admin too', async () => {
      const auth = new AuthService(lab.database);
      const made = await run(['keys', 'create', '--admin', '--json']);
      const { key } = made.json<{ key: string }>();
      assert.equal((await auth.findByKey(key))?.role, 'admin');
      const again = (await run(['keys', 'create', '--admin', '--json'])).json<{ key: string }>();
      assert.notEqual(again.key, key);
      assert.equal((await auth.findByKey(again.key))?.name, 'admin');
      const { code, stderr } = await run(['keys', 'create', '--user', '--name', 'admin']);
      assert.deepEqual([code, /exists, as admin/.test(stderr)], [1, true]);
      assert.equal((await run(['keys', 'create'])).code, 2);
      const alice = await run(['keys', 'create', '--user', '--name', 'alice', '--json']);
      assert.equal((await auth.findByKey(alice.json<{ key: string }>().key))?.role, 'user');
    });

    it('graph draws any task of a canvas', async () => {
      const ids = await canvas(lab);
      const { code, stdout } = await run(['graph', ids[2]!]);
      assert.equal(code, 0);
      assert.match(stdout, /subgraph n0\["chain: PENDING"\]/);
      assert.match(stdout, /n1 --> n2/);
      assert.match((await run(['graph', ids[0]!, '--dot'])).stdout, /^digraph/);
      const { nodes } = (await run(['graph', ids[1]!, '--json'])).json<{ nodes: unknown[] }>();
      assert.equal(nodes.length, 3);
      const alone = await lab.send(upload, { image_id: there }, later);
      assert.match((await run(['graph', alone])).stdout, /upload_to_cloud_task/);
    });

    it('migrate --status, --down and up again', async () => {
      const status = () => run(['migrate', '--status', '--json']);
      assert.equal((await status()).code, 0);
      assert.equal((await run(['migrate', '--down'])).code, 2);
      const { undone } = (await run(['migrate', '--down', '--yes', '--json'])).json<{
        undone: string;
      }>();
      const behind = await status();
      assert.equal(behind.code, 1);
      assert.equal(behind.json<{ missing: number }>().missing, 1);
      const { code, json } = await run(['migrate', '--json']);
      assert.equal(code, 0);
      assert.deepEqual(json<{ migrations: string[] }>().migrations, [undone]);
      assert.match((await run(['migrate'])).stdout, /^The database is up to date\.\n/);
    });
  });
});

describe('queues move', { skip: !hasRedis && 'no Redis' }, () => {
  it('takes the hints from Postgres to Redis and back, and may be repeated', async () => {
    const lab = await openTaskLab('postgres', { providers: [Handlers], serve: [] });
    const redis = await openRedis();
    const [postgres, target] = [lab.stores.databaseUrl, createQueueEngine(redis.url)];
    const hints = new TaskHints(target);
    const move = (from: string, to: string) =>
      darkroom(['queues', 'move', '--from', from, '--to', to, '--json'], {
        DATABASE_URL: postgres,
      });
    try {
      const ids = [
        await lab.send(upload, { image_id: there }),
        await lab.send(upload, { image_id: there }, { ...later, queue: 'low_priority' }),
      ];
      await lab.get(Dispatcher).idle();
      for (const removed of [1, 0]) {
        const { code, json, stderr } = await move(postgres, redis.url);
        assert.equal(code, 0, stderr);
        const { filled, removed: gone } = json<Record<string, Record<string, number>>>();
        assert.deepEqual(filled, { high_priority: 0, normal_priority: 1, low_priority: 1 });
        assert.deepEqual(gone?.['normal_priority'], removed);
      }
      assert.equal(await lab.hints.of('normal_priority').count(), 0);
      assert.ok(await hints.of('normal_priority').getJob(ids[0]!));
      assert.equal(await (await hints.of('low_priority').getJob(ids[1]!))?.isDelayed(), true);
      assert.equal((await move(redis.url, postgres)).code, 0);
      assert.equal(await hints.of('low_priority').count(), 0);
      assert.ok(await lab.hints.of('normal_priority').getJob(ids[0]!));
    } finally {
      await hints.close();
      await target.close();
      await redis.close();
      await lab.close();
    }
  });

  it('refuses two names of one store, and keeps what it has', async () => {
    const lab = await openTaskLab('postgres', { providers: [Handlers], serve: [] });
    try {
      const id = await lab.send(upload, { image_id: there });
      await lab.get(Dispatcher).idle();
      const url = lab.stores.databaseUrl;
      const other = url.replace('127.0.0.1', 'localhost');
      const move = ['queues', 'move', '--from', url, '--to', other];
      const { code, stderr } = await darkroom(move, { DATABASE_URL: url });
      assert.equal(code, 1);
      assert.match(stderr, /are the same store/);
      assert.ok(await lab.hints.of('normal_priority').getJob(id));
      assert.equal(await lab.hints.of('high_priority').count(), 0, 'no trace of the trial');
    } finally {
      await lab.close();
    }
  });
});

/** @returns ids of a chain and its two steps, as `send` stores them */
async function canvas(lab: TaskLab): Promise<string[]> {
  const ids = ['a', 'b', 'c'].map((c) => `00000000-0000-4000-8000-00000000000${c}`);
  await lab.database.query(
    `INSERT INTO tasks
       (id, name, queue, priority, payload, kind, canvas_id, parent_id, position, blocked)
     SELECT id, name, $4, 5, 'null', kind, $1, parent, position, kind = 'chain' OR position = 1
       FROM (VALUES ($1::uuid, 'chain', 'chain', NULL::uuid, NULL::integer),
                    ($2, 'one', 'task', $1, 0), ($3, 'two', 'task', $1, 1))
         AS node (id, name, kind, parent, position)`,
    [...ids, QUEUE_NAMES[0]],
  );
  return ids;
}
