import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { Schedules } from '../../../src/tasks/schedules/schedules.js';
import { darkroom, envOf, type CliRun } from '../../support/cli.js';
import { eventually } from '../../support/eventually.js';
import { onBothQueueEngines } from '../../support/queue-engines.js';
import { openTaskLab, type TaskLab } from '../../support/task-lab.js';
import {
  UploadHandlers,
  elsewhere,
  missing,
  stored,
  there,
  upload,
} from '../../support/upload-task.js';

onBothQueueEngines('the command line beside a worker', (engine) => {
  let lab: TaskLab;
  /** For what knows no queue engine: each command is a process, and takes its time. */
  const once = (name: string, test: () => Promise<void>) => {
    if (engine === 'postgres') it(name, test);
  };
  const run = (args: string[], input?: string) => darkroom(args, envOf(lab.stores), input);

  before(async () => {
    lab = await openTaskLab(engine, { providers: [UploadHandlers], serve: ['normal_priority'] });
  });
  after(() => lab.close());

  it('call sends, result --wait gets the result', async () => {
    const sent = await run(['call', upload.name, '--payload', `{"image_id":"${there}"}`]);
    assert.deepEqual([sent.code, sent.stderr], [0, '']);
    const id = sent.stdout.trim();
    const { code, json } = await run(['result', id, '--wait', '30s', '--json']);
    assert.equal(code, 0);
    const { task_id, state, result } = json<Record<string, unknown>>();
    assert.deepEqual({ task_id, state, result }, { task_id: id, state: 'SUCCESS', result: stored });
  });

  it('call --wait tells a FAILURE by its exit code', async () => {
    const payload = `{"image_id":"${missing}"}`;
    const { code, stdout } = await run(['call', upload.name, '--payload', payload, '--wait']);
    assert.equal(code, 1);
    assert.match(stdout, /^State +FAILURE$/m);
    assert.match(stdout, /^Error +There is no such image\. \(no_image\)$/m);
  });

  once('call stores options of the task', async () => {
    const payload = ['--payload', `{"image_id":"${there}"}`];
    const options = ['--queue', 'low_priority', '--priority', '2', '--delay', '1h'];
    const { json } = await run(['call', upload.name, ...payload, ...options, '--json']);
    const task = await lab.task(json<{ task_id: string }>().task_id);
    assert.deepEqual([task.queue, task.priority, task.state], ['low_priority', 2, 'PENDING']);
    assert.ok(task.runAt.getTime() - task.createdAt.getTime() >= 3_600_000);
  });

  once('call refuses what does not fit, and stores nothing', async () => {
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

  once('result --forget drops the result', async () => {
    const id = await lab.send(upload, { image_id: there });
    await lab.finished(id);
    assert.match((await run(['result', id, '--forget'])).stdout, /images\/1\.png/);
    const { code, stdout } = await run(['result', id]);
    assert.equal(code, 0);
    assert.match(stdout, /^Result +forgotten or expired$/m);
  });

  once('result of an unknown task is 1', async () => {
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
    const watch = ['events', '--types', 'task-succeeded', '--limit', '1', '--for', '60s', '--json'];
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

  once('schedules are made, paused, run and removed', async () => {
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

  once('graph workers draws who serves what', async () => {
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

  once('shell has the application in scope, and awaits', async () => {
    const { code, stdout } = await run(
      ['shell', '--json'],
      `await database.query('SELECT 40 + 2 AS n')\nObject.keys(definitions).length > 1\nchain([si(definitions.add_numbers, { x: 1, y: 2 })]).node.kind\n`,
    );
    assert.equal(code, 0);
    assert.equal(stdout, '[{"n":42}]\ntrue\n"chain"\n');
  });
});
