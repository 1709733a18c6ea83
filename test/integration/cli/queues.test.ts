import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { about } from '../../support/about.js';
import { ApiKeys } from '../../../src/features/auth/api-keys.js';
import { generationRequest } from '../../../src/features/image-generation/image-generation.dto.js';
import { createQueueEngine } from '../../../src/infrastructure/queue/create-queue-engine.js';
import { QueuePurge } from '../../../src/tasks/operations/queue-purge.js';
import { Dispatcher } from '../../../src/tasks/hints/dispatcher.js';
import { QUEUE_NAMES } from '../../../src/tasks/definitions/queues.js';
import { TaskHints } from '../../../src/tasks/hints/task-hints.js';
import { envOf, onceFor } from '../../support/cli.js';
import { eventually } from '../../support/eventually.js';
import { onBothQueueEngines } from '../../support/on-both-queue-engines.js';
import { hasRedis, openRedis } from '../../support/stores.js';
import { openTaskLab, type TaskLab } from '../../support/task-lab.js';
import { UploadHandlers, later, there, upload } from '../../support/upload-task.js';
import { warmDarkroom } from '../../support/warm-cli.js';

onBothQueueEngines('the command line without workers', (engine) => {
  let lab: TaskLab;
  const once = onceFor(engine);
  const run = (args: string[], input?: string) => warmDarkroom(args, envOf(lab.stores), input);

  beforeAll(async () => {
    lab = await openTaskLab(engine, { providers: [UploadHandlers], serve: [] });
  });
  afterAll(() => lab.close());

  it('queues list, broker counts and broker peek show the waiting tasks', async () => {
    const id = await lab.send(upload, { image_id: there }, { priority: 7 });
    await lab.send(upload, { image_id: there }, later);
    await lab.get(Dispatcher).idle();
    const queues = (await run(['queues', 'list', '--json'])).json<Record<string, unknown>[]>();
    const { oldest_ms, ...normal } = queues.find(({ queue }) => queue === 'normal_priority')!;
    expect(normal).toEqual({
      queue: 'normal_priority',
      waiting: 1,
      delayed: 1,
      running: 0,
      blocked: 0,
    });
    expect(Number(oldest_ms)).toBeGreaterThanOrEqual(0);
    const counts = (await run(['broker', 'counts', '--json'])).json<Record<string, unknown>[]>();
    expect(counts[1]).toEqual({
      queue: 'normal_priority',
      active: 0,
      waiting: 1,
      delayed: 1,
      completed: 0,
      failed: 0,
    });
    const peeked = await run(['broker', 'peek', 'normal_priority', '-n', '1', '--json']);
    const [hint, ...rest] = peeked.json<Record<string, unknown>[]>();
    expect(rest).toEqual([]);
    expect([hint!['task_id'], hint!['state'], hint!['priority']]).toEqual([id, 'waiting', 7]);
  });

  once('purge asks, so it needs a terminal or --yes', async () => {
    const { code, stderr } = await run(['purge']);
    expect(code).toBe(2);
    expect(stderr).toMatch(/Delete \d+ waiting tasks of .*\?"\): add --yes to go on\.\n$/);
  });

  it('purge revokes the waiting tasks of the named queues, and removes their hints', async () => {
    const low = await lab.send(upload, { image_id: there }, { queue: 'low_priority' });
    await lab.get(Dispatcher).idle();
    const waiting = await lab.get(QueuePurge).count(['normal_priority']);
    expect(waiting).toBeGreaterThan(0);
    const purge = ['purge', '--queues', 'normal_priority', '--yes', '--json'];
    const { code, json } = await run(purge);
    expect(code).toBe(0);
    expect(json()).toEqual({ queues: ['normal_priority'], revoked: waiting });
    const states = await lab.database.query(
      `SELECT state, error->>'code' AS code, count(*)::int FROM tasks
        WHERE queue = 'normal_priority' GROUP BY 1, 2`,
    );
    expect(states).toEqual([{ state: 'REVOKED', code: 'purged', count: waiting }]);
    expect(await lab.hints.of('normal_priority').count()).toBe(0);
    expect((await lab.task(low)).state).toBe('PENDING');
    expect(await lab.hints.of('low_priority').count()).toBe(1);
    expect((await run(purge)).json()).toEqual({ queues: ['normal_priority'], revoked: 0 });
  });

  it('purge works through more than one batch', async () => {
    await lab.database.query(
      `INSERT INTO tasks (id, name, queue, priority, payload)
       SELECT gen_random_uuid(), 'upload_to_cloud_task', 'high_priority', 5, '{}'
         FROM generate_series(1, 1201)`,
    );
    const { stdout } = await run(['purge', '--queues', 'high_priority', '--yes']);
    expect(stdout).toBe('Purged 1,201 tasks of high_priority.\n');
  });

  once('keys create makes a key that opens the door, for an admin too', async () => {
    const keys = new ApiKeys(lab.database);
    const made = await run(['keys', 'create', '--admin', '--json']);
    const { key } = made.json<{ key: string }>();
    expect((await keys.ownerOf(key))?.role).toBe('admin');
    const again = (await run(['keys', 'create', '--admin', '--json'])).json<{ key: string }>();
    expect(again.key).not.toBe(key);
    expect((await keys.ownerOf(again.key))?.name).toBe('admin');
    const { code, stderr } = await run(['keys', 'create', '--user', '--name', 'admin']);
    expect([code, /exists, as admin/.test(stderr)]).toEqual([1, true]);
    expect((await run(['keys', 'create'])).code).toBe(2);
    const alice = await run(['keys', 'create', '--user', '--name', 'alice', '--json']);
    expect((await keys.ownerOf(alice.json<{ key: string }>().key))?.role).toBe('user');
  });

  once(
    'call refuses a picture that would be nobody’s, and takes the defaults of the HTTP API',
    async () => {
      await run(['keys', 'create', '--user', '--name', 'dora']);
      const [dora] = await lab.database.query(`SELECT id FROM users WHERE name = 'dora'`);
      const owner = dora.id as string;
      const call = (payload: unknown, ...more: string[]) =>
        run(['call', 'generate_image_task', '--payload', JSON.stringify(payload), ...more]);
      const nobodys = await call({ prompt: 'a lighthouse' });
      expect(nobodys.code).toBe(2);
      expect(nobodys.stderr).toBe(
        'darkroom: A task "generate_image_task" belongs to a user: say whose with --owner <name>.\n',
      );
      expect((await call({ prompt: 'x' }, '--owner', 'nobody')).stderr).toMatch(/no user "nobody"/);
      const wrong = await call({ prompt: 'x', steps: 151 }, '--owner', 'dora');
      expect([wrong.code, /steps/.test(wrong.stderr)]).toEqual([2, true]);

      const ids = [
        (await call({ prompt: 'a lighthouse' }, '--owner', 'dora')).stdout.trim(),
        (await call({ prompt: 'a lighthouse' }, '--owner', owner)).stdout.trim(),
      ];
      const { priority, ...defaults } = generationRequest.parse({ prompt: 'a lighthouse' });
      for (const id of ids) {
        const task = await lab.task(id);
        const { seed, ...payload } = task.payload as { seed: number };
        expect({ ...payload, seed: -1 }).toEqual(defaults);
        expect(seed >= 0 && seed < 2 ** 31).toBe(true);
        expect(task.ownerId).toBe(owner);
      }
    },
  );

  once('keys list shows what is known of keys, keys revoke ends them', async () => {
    const keys = new ApiKeys(lab.database);
    const make = async (name: string) =>
      (await run(['keys', 'create', '--user', '--name', name, '--json'])).json<{
        id: string;
        key: string;
        user_id: string;
      }>();
    const [bob, carol] = [await make('bob'), await make('carol')];
    const prefix = bob.key.split('_')[1]!;
    const listed = await run(['keys', 'list', '--json']);
    const found = listed.json<Record<string, unknown>[]>().find(({ id }) => id === bob.id)!;
    const { created_at, ...rest } = found;
    expect(rest).toEqual({
      id: bob.id,
      user_id: bob.user_id,
      prefix,
      user: 'bob',
      role: 'user',
      name: '',
      scopes: ['read', 'write', 'account', 'admin'],
      expires_at: null,
      last_used_at: null,
      revoked_at: null,
    });
    expect(Date.parse(String(created_at))).toBeGreaterThan(0);
    expect((await run(['keys', 'list'])).stdout).toMatch(
      new RegExp(`^dk_${prefix} +bob +user +- +all +never`, 'm'),
    );
    expect(listed.stdout.includes(bob.key)).toBe(false);

    // By a prefix, by an id; a whole key is never shown again.
    const revoked = await run(['keys', 'revoke', bob.key, carol.id, '--json']);
    expect(revoked.code).toBe(0);
    expect(revoked.json()).toEqual([
      { key: prefix, user: 'bob', outcome: 'revoked' },
      { key: carol.id, user: 'carol', outcome: 'revoked' },
    ]);
    expect(await keys.ownerOf(bob.key)).toBe(undefined);
    expect(await keys.ownerOf(carol.key)).toBe(undefined);
    const left = (await run(['keys', 'list', '--json'])).json<{ id: string }[]>();
    expect(left.some(({ id }) => id === bob.id || id === carol.id)).toBe(false);
    const all = (await run(['keys', 'list', '--all', '--json'])).json<
      { id: string; revoked_at: string | null }[]
    >();
    expect(all.find(({ id }) => id === bob.id)!.revoked_at).not.toBe(null);

    const limited = ['--scopes', 'read,write', '--expires-in', '2h', '--for', 'a robot'];
    const robot = await run(['keys', 'create', '--user', '--name', 'bob', ...limited, '--json']);
    const owner = await keys.ownerOf(robot.json<{ key: string }>().key);
    expect([owner!.name, owner!.scopes]).toEqual(['bob', ['read', 'write']]);
    expect(Math.abs(owner!.credentialExpiresAt!.getTime() - Date.now() - 7_200_000)).toBeLessThan(
      600_000,
    );
    await eventually('its use is noted', async () =>
      /bob +user +a robot +read write +\d/.test((await run(['keys', 'list'])).stdout),
    );
    const unknown = await run(['keys', 'create', '--user', '--name', 'bob', '--scopes', 'all']);
    expect([unknown.code, /read, write, account, admin/.test(unknown.stderr)]).toEqual([2, true]);

    const again = await run(['keys', 'revoke', `dk_${prefix}`, 'dk_0123456789abcdef']);
    expect(again.code).toBe(1);
    expect(again.stdout).toMatch(/bob +revoked before\n0123456789abcdef +- +no such key\n$/);
    const wrong = await run(['keys', 'revoke', bob.key.slice(0, -50)]);
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toMatch(/^darkroom: Name a key by its id, or by what it begins with/);
  });

  once('graph draws any task of a canvas', async () => {
    const ids = await canvas(lab);
    const { code, stdout } = await run(['graph', ids[2]!]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/subgraph n0\["chain: PENDING"\]/);
    expect(stdout).toMatch(/n1 --> n2/);
    expect((await run(['graph', ids[0]!, '--dot'])).stdout).toMatch(/^digraph/);
    const { nodes } = (await run(['graph', ids[1]!, '--json'])).json<{ nodes: unknown[] }>();
    expect(nodes.length).toBe(3);
    const alone = await lab.send(upload, { image_id: there }, later);
    expect((await run(['graph', alone])).stdout).toMatch(/upload_to_cloud_task/);
  });

  once('migrate --status, --down and up again', async () => {
    const status = () => run(['migrate', '--status', '--json']);
    expect((await status()).code).toBe(0);
    expect((await run(['migrate', '--down'])).code).toBe(2);
    const { undone } = (await run(['migrate', '--down', '--yes', '--json'])).json<{
      undone: string;
    }>();
    const behind = await status();
    expect(behind.code).toBe(1);
    expect(behind.json<{ missing: number }>().missing).toBe(1);
    const { code, json } = await run(['migrate', '--json']);
    expect(code).toBe(0);
    expect(json<{ migrations: string[] }>().migrations).toEqual([undone]);
    expect((await run(['migrate'])).stdout).toMatch(/^The database is up to date\.\n/);
  });
});

(!hasRedis && 'no Redis' ? describe.skip : describe)('queues move', () => {
  it('queues move takes the hints from Postgres to Redis and back, and may be repeated', async () => {
    const lab = await openTaskLab('postgres', { providers: [UploadHandlers], serve: [] });
    const redis = await openRedis();
    const [postgres, target] = [lab.stores.databaseUrl, createQueueEngine(redis.url)];
    const hints = TaskHints.on(target);
    const move = (from: string, to: string) =>
      warmDarkroom(['queues', 'move', '--from', from, '--to', to, '--json'], {
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
        about(stderr, () => expect(code).toBe(0));
        const { filled, removed: gone } = json<Record<string, Record<string, number>>>();
        expect(filled).toEqual({ high_priority: 0, normal_priority: 1, low_priority: 1 });
        expect(gone?.['normal_priority']).toEqual(removed);
      }
      expect(await lab.hints.of('normal_priority').count()).toBe(0);
      expect(await hints.of('normal_priority').getJob(ids[0]!)).toBeTruthy();
      expect(await (await hints.of('low_priority').getJob(ids[1]!))?.isDelayed()).toBe(true);
      expect((await move(redis.url, postgres)).code).toBe(0);
      expect(await hints.of('low_priority').count()).toBe(0);
      expect(await lab.hints.of('normal_priority').getJob(ids[0]!)).toBeTruthy();
    } finally {
      await hints.close();
      await target.close();
      await redis.close();
      await lab.close();
    }
  });

  it('queues move refuses two names of the same store, and leaves the store as it is', async () => {
    const lab = await openTaskLab('postgres', { providers: [UploadHandlers], serve: [] });
    try {
      const id = await lab.send(upload, { image_id: there });
      await lab.get(Dispatcher).idle();
      const url = lab.stores.databaseUrl;
      const other = url.replace('127.0.0.1', 'localhost');
      const move = ['queues', 'move', '--from', url, '--to', other];
      const { code, stderr } = await warmDarkroom(move, { DATABASE_URL: url });
      expect(code).toBe(1);
      expect(stderr).toMatch(/are the same store/);
      expect(await lab.hints.of('normal_priority').getJob(id)).toBeTruthy();
      expect(await lab.hints.of('high_priority').count()).toBe(0);
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
