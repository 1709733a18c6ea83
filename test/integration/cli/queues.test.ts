import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { AuthService } from '../../../src/features/auth/auth.service.js';
import { createQueueEngine } from '../../../src/infrastructure/queue/queue.module.js';
import { QueuePurge } from '../../../src/tasks/control/queue-purge.js';
import { Dispatcher } from '../../../src/tasks/dispatcher.js';
import { QUEUE_NAMES } from '../../../src/tasks/queues.js';
import { TaskHints } from '../../../src/tasks/task-hints.js';
import { darkroom, envOf } from '../../support/cli.js';
import { onBothQueueEngines } from '../../support/queue-engines.js';
import { hasRedis, openRedis } from '../../support/stores.js';
import { openTaskLab, type TaskLab } from '../../support/task-lab.js';
import { UploadHandlers, later, there, upload } from '../../support/upload-task.js';

onBothQueueEngines('the command line without workers', (engine) => {
  let lab: TaskLab;
  /** For what knows no queue engine: each command is a process, and takes its time. */
  const once = (name: string, test: () => Promise<void>) => {
    if (engine === 'postgres') it(name, test);
  };
  const run = (args: string[], input?: string) => darkroom(args, envOf(lab.stores), input);

  before(async () => {
    lab = await openTaskLab(engine, { providers: [UploadHandlers], serve: [] });
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

  once('purge asks, so it needs a terminal or --yes', async () => {
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

  once('keys create makes a key that opens the door, for an admin too', async () => {
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

  once('graph draws any task of a canvas', async () => {
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

  once('migrate --status, --down and up again', async () => {
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

describe('queues move', { skip: !hasRedis && 'no Redis' }, () => {
  it('takes the hints from Postgres to Redis and back, and may be repeated', async () => {
    const lab = await openTaskLab('postgres', { providers: [UploadHandlers], serve: [] });
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
    const lab = await openTaskLab('postgres', { providers: [UploadHandlers], serve: [] });
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
