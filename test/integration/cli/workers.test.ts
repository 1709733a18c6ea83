import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { about } from '../../support/about.js';
import type { LiveEvent } from '../../../src/tasks/events/live-event.js';
import { LiveEvents } from '../../../src/tasks/events/live-events.js';
import { Schedules } from '../../../src/tasks/schedules/schedules.js';
import { darkroom, envOf, onceFor, type CliRun } from '../../support/cli.js';
import { eventually } from '../../support/eventually.js';
import { onBothQueueEngines } from '../../support/on-both-queue-engines.js';
import { openTaskLab, type TaskLab } from '../../support/task-lab.js';
import {
  UploadHandlers,
  elsewhere,
  missing,
  stored,
  there,
  upload,
} from '../../support/upload-task.js';
import { warmDarkroom } from '../../support/warm-cli.js';

onBothQueueEngines('the command line beside a worker', (engine) => {
  let lab: TaskLab;
  const once = onceFor(engine);
  const run = (args: string[]) => warmDarkroom(args, envOf(lab.stores));
  const shell = (args: string[], input: string) =>
    darkroom(['shell', ...args], envOf(lab.stores), input);

  beforeAll(async () => {
    lab = await openTaskLab(engine, { providers: [UploadHandlers], serve: ['normal_priority'] });
  });
  afterAll(() => lab.close());

  it('call sends a task, and result --wait gets its result', async () => {
    const sent = await run(['call', upload.name, '--payload', `{"image_id":"${there}"}`]);
    expect([sent.code, sent.stderr]).toEqual([0, '']);
    const id = sent.stdout.trim();
    const { code, json } = await run(['result', id, '--wait', '30s', '--json']);
    expect(code).toBe(0);
    const { task_id, state, result } = json<Record<string, unknown>>();
    expect({ task_id, state, result }).toEqual({ task_id: id, state: 'SUCCESS', result: stored });
  });

  it('call --wait reports a FAILURE in its exit code', async () => {
    const payload = `{"image_id":"${missing}"}`;
    const { code, stdout } = await run(['call', upload.name, '--payload', payload, '--wait']);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^State +FAILURE$/m);
    expect(stdout).toMatch(/^Error +There is no such image\. \(no_image\)$/m);
  });

  once(
    'call takes a payload in three ways, and arguments in the order that the task names',
    async () => {
      const later = ['--delay', '1h', '--json'];
      for (const given of [
        ['{"x":2,"y":3}'],
        ['--payload', '{"x":2,"y":3}'],
        ['--args', '[2,3]'],
      ]) {
        const { json } = await run(['call', 'add_numbers', ...given, ...later]);
        const { payload } = await lab.task(json<{ task_id: string }>().task_id);
        expect(payload).toEqual({ x: 2, y: 3 });
      }
      const wrong: [string[], RegExp][] = [
        [['add_numbers', '--args', '[1,2,3]'], /takes 2: x, y/],
        [['add_numbers', '--args', '[1]'], /y/],
        [['add_numbers', '--args', '{}'], /a list/],
        [['add_numbers', '{', '--delay', '1h'], /not JSON/],
        [['add_numbers', '{}', '--args', '[1,2]'], /once/],
        [[upload.name, '--args', '["x"]'], /has no list of arguments/],
      ];
      for (const [args, sentence] of wrong) {
        const { code, stderr } = await run(['call', ...args]);
        expect([code, stderr]).toEqual([2, expect.stringMatching(sentence)]);
      }
    },
  );

  once('call stores options of the task', async () => {
    const payload = ['--payload', `{"image_id":"${there}"}`];
    const options = ['--queue', 'low_priority', '--priority', '2', '--delay', '1h'];
    const { json } = await run(['call', upload.name, ...payload, ...options, '--json']);
    const task = await lab.task(json<{ task_id: string }>().task_id);
    expect([task.queue, task.priority, task.state]).toEqual(['low_priority', 2, 'PENDING']);
    expect(task.runAt.getTime() - task.createdAt.getTime()).toBeGreaterThanOrEqual(3_600_000);
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
      about(args.join(' '), () => expect([code, stdout]).toEqual([2, '']));
      expect(stderr).toMatch(/^darkroom: .+/);
      expect(stderr).not.toMatch(/^ +at \w.*:\d+/m);
    }
    expect(await count()).toEqual(before);
  });

  it('result --wait ends with 124 when the task is not over in time', async () => {
    const id = await lab.send(upload, { image_id: there }, elsewhere);
    const { code, stdout, stderr } = await run(['result', id, '--wait', '200ms']);
    expect([code, stdout]).toEqual([124, '']);
    expect(stderr).toMatch(/is not over after 200ms \(PENDING\)\. It goes on\.\n$/);
  });

  once('result --forget drops the result', async () => {
    const id = await lab.send(upload, { image_id: there });
    await lab.finished(id);
    expect((await run(['result', id, '--forget'])).stdout).toMatch(/images\/1\.png/);
    const { code, stdout } = await run(['result', id]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Result +forgotten or expired$/m);
  });

  once('result of an unknown task is 1', async () => {
    const { code, stderr } = await run(['result', missing]);
    expect([code, stderr]).toEqual([1, `darkroom: There is no task ${missing}.\n`]);
  });

  it('queues move refuses while a worker serves the source', async () => {
    const { databaseUrl, queueUrl } = lab.stores;
    const from = queueUrl ?? databaseUrl;
    const { code, stderr } = await run(['queues', 'move', '--from', from, '--to', databaseUrl]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/serves? normal_priority .* stop every worker/);
  });

  it('inspect asks the workers, and names those that do not answer', async () => {
    const ping = await run(['inspect', 'ping', '--json', '--timeout', '60s']);
    const { replies, missing } = ping.json<{
      replies: { worker: string }[];
      missing: string[];
    }>();
    expect([ping.code, replies.length, missing]).toEqual([0, 1, []]);
    const nobody = ['--destination', 'nobody@nowhere', '--timeout', '100ms'];
    const alone = await run(['inspect', 'stats', ...nobody]);
    expect([alone.code, alone.stdout]).toEqual([1, 'nobody@nowhere  no answer\n']);
    // The texts know no engine, and each command is a process.
    if (engine === 'redis') return;
    for (const what of ['active', 'registered', 'stats', 'active_queues', 'conf', 'report']) {
      const { code, stdout } = await run(['inspect', what, '--timeout', '60s']);
      about(what, () => expect(code).toBe(0));
      about(what, () => expect(stdout.startsWith(replies[0]!.worker)).toBe(true));
    }
  });

  it('control changes a worker while it runs', async () => {
    const pool = ['--queue', 'normal_priority', '--timeout', '60s', '--json'];
    const { code, json } = await run(['control', 'pool_grow', '3', ...pool]);
    expect(code).toBe(0);
    const [reply] = json<{ replies: { data: { concurrency: number }[] }[] }>().replies;
    expect(reply?.data[0]?.concurrency).toBe(5);
    expect((await run(['control', 'rate_limit', 'nope', '1/s'])).code).toBe(2);
    expect((await run(['control', 'time_limit', upload.name])).code).toBe(2);
  });

  it('control revoke revokes a waiting task, and reports an unknown id', async () => {
    const id = await lab.send(upload, { image_id: there }, elsewhere);
    const { code, json } = await run(['control', 'revoke', id, missing, '--json']);
    expect(code).toBe(1);
    expect(json()).toEqual([
      { task_id: id, outcome: 'revoked', state: 'REVOKED' },
      { task_id: missing, outcome: 'unknown', state: null },
    ]);
    expect((await run(['control', 'terminate', id])).code).toBe(0);
  });

  it('answers of workers have snake_case keys', async () => {
    for (const what of ['active', 'registered', 'stats', 'conf', 'report', 'active_queues']) {
      const { code, stdout } = await run(['inspect', what, '--json', '--timeout', '60s']);
      expect(code).toBe(0);
      about(what, () => expect(stdout).not.toMatch(/"[a-z]+[A-Z][A-Za-z]*":/));
    }
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
    expect(code).toBe(0);
    const { type, name } = json<{ type: string; name: string }>();
    expect([type, name]).toEqual(['task-succeeded', upload.name]);
  });

  it('events shows the task-sent of a call whose process ends at once', async () => {
    const seen: LiveEvent[] = [];
    const stop = await lab.get(LiveEvents).subscribe((event) => seen.push(event), {
      types: ['task-sent'],
    });
    const { stdout } = await run(['call', upload.name, '--payload', `{"image_id":"${there}"}`]);
    await eventually('it is told', () =>
      seen.some((event) => event.type === 'task-sent' && event.taskId === stdout.trim()),
    );
    await stop();
  });

  it('events ends with 124 when no event comes in time', async () => {
    const watch = ['events', '--types', 'worker-offline', '--limit', '1', '--for', '100ms'];
    const { code, stdout } = await run(watch);
    expect([code, stdout]).toEqual([124, '']);
  });

  once('schedules are made, paused, run and removed', async () => {
    const payload = ['--payload', `{"image_id":"${there}"}`];
    const add = ['schedules', 'add', 'nightly', upload.name, ...payload];
    const made = await run([...add, '--cron', '30 3 * * *', '--time-zone', 'Europe/Berlin']);
    expect([made.code, made.stderr]).toEqual([0, '']);
    expect((await run([...add, '--every', '1h'])).code).toBe(1);
    expect((await run([...add, '--cron', 'never'])).code).toBe(2);
    expect((await run(add)).code).toBe(2);
    const paused = await run(['schedules', 'pause', 'nightly', '--json']);
    expect(paused.json<{ paused: boolean }>().paused).toBe(true);
    const sent = await run(['schedules', 'run', 'nightly']);
    await lab.finished(sent.stdout.trim());
    const history = await run(['schedules', 'history', 'nightly', '--json']);
    const [entry] = history.json<Record<string, unknown>[]>();
    expect([entry?.['manual'], entry?.['state']]).toEqual([true, 'SUCCESS']);
    await run(['schedules', 'resume', 'nightly']);
    expect((await lab.get(Schedules).find('nightly')).paused).toBe(false);
    expect((await run(['schedules', 'list'])).stdout).toMatch(/^nightly +upload_to_cloud_task /m);
    expect((await run(['schedules', 'remove', 'nightly'])).code).toBe(0);
    expect((await run(['schedules', 'remove', 'nightly'])).code).toBe(1);
  });

  once('graph workers draws who serves what', async () => {
    const { code, stdout } = await run(['graph', 'workers']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/w0 --> q1/);
    expect(stdout).toMatch(/q0\["high_priority<br\/>no worker"\]/);
  });

  it('broker shows the engine and its workers', async () => {
    const ping = (await run(['broker', 'ping', '--json'])).json<{ engine: string }>();
    expect(ping.engine).toBe(engine);
    const queues = (await run(['broker', 'queues', '--json'])).json<{ workers: number }[]>();
    expect(queues.map(({ workers }) => workers)).toEqual([0, 1, 0]);
  });

  once('shell has the application in scope, and awaits', async () => {
    const { code, stdout } = await shell(
      ['--json'],
      `await database.query('SELECT 40 + 2 AS n')\nObject.keys(definitions).length > 1\nchain([si(definitions.add_numbers, { x: 1, y: 2 })]).node.kind\n`,
    );
    expect(code).toBe(0);
    expect(stdout).toBe('[{"n":42}]\ntrue\n"chain"\n');
  });

  once('shell has each task by its name, and statements over several lines', async () => {
    const { code, stdout, stderr } = await shell(
      [],
      `const sent = await tasks.send(database.manager, ${upload.name}, {\n  image_id: '${there}',\n})\nsent.id.length\n`,
    );
    expect([code, stderr, stdout]).toEqual([0, '', '36\n']);
  });

  once('shell has all signatures, and their canvases can be sent', async () => {
    const part = `si(${upload.name}, { image_id: '${there}' })`;
    const { code, stdout, stderr } = await shell(
      ['--json'],
      `[s, si, chain, group, chord, map, starmap, chunks].every((each) => typeof each === 'function')
chord(group(${part}, ${part}), s(definitions.add_numbers, 'x', { y: 1 })).node.kind
chord([${part}], s(definitions.add_numbers)).node.children.length
const sent = await tasks.sendCanvas(database.manager, group([${part}, ${part}]))
await sent.get({ timeoutMs: 60_000 })
`,
    );
    expect([code, stderr]).toEqual([0, '']);
    expect(
      stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual([true, 'chord', 2, [stored, stored]]);
  });

  once('shell --json says what a script has thrown', async () => {
    const { code, stderr } = await shell(
      ['--json'],
      `await Promise.reject(new Error('too far'))\n`,
    );
    expect([code, stderr.trim()]).toEqual([1, 'darkroom: Uncaught "Error: too far"']);
  });

  for (const [what, line, told] of [
    ['throws', `throw new RangeError('too far')`, /RangeError: too far/],
    ['throws undefined', 'throw undefined', /undefined/],
    ['rejects', `await Promise.reject(new TypeError('no such thing'))`, /TypeError: no such thing/],
    ['is no JavaScript', 'let 1 = 2', /SyntaxError/],
    ['ends inside a statement', 'f(', /ends inside a statement/],
    ['names nothing', 'nobody.knows', /ReferenceError: nobody is not defined/],
  ] as const) {
    once(`shell: a script that ${what} ends with exit code 1`, async () => {
      const { code, stdout, stderr } = await shell(
        [],
        `1 + 1\n${line}\n${line === 'f(' ? '' : `'not reached'\n`}`,
      );
      expect([code, stdout]).toEqual([1, '2\n']);
      expect(stderr).toMatch(told);
    });
  }
});
