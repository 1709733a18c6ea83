import assert from 'node:assert/strict';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { addNumbersTask } from '../../src/features/calculate/calculate.tasks.js';
import { CalculateProcessor } from '../../src/features/calculate/calculate.processor.js';
import {
  chain,
  chord,
  chunks,
  group,
  map,
  s,
  si,
  starmap,
} from '../../src/tasks/canvas/signatures.js';
import { WorkerControl } from '../../src/tasks/control/worker-control.js';
import { LiveEvents } from '../../src/tasks/events/live-events.js';
import { Schedules } from '../../src/tasks/schedules/schedules.js';
import { TaskFailedError, TaskRevokedError } from '../../src/tasks/definitions/task-errors.js';
import { eventually } from '../support/eventually.js';
import { onBothQueueEngines } from '../support/on-both-queue-engines.js';
import { openTaskLab, type TaskLab } from '../support/task-lab.js';
import {
  Examples,
  handleErrorTask,
  logResultTask,
  renderFilmTask,
  sumTask,
  warmUpTask,
} from './examples.js';

const minute = 60_000;

onBothQueueEngines('the code in docs/tasks.md', (engine) => {
  let lab: TaskLab;
  let examples: Examples;
  beforeAll(async () => {
    lab = await openTaskLab(engine, {
      providers: [CalculateProcessor, Examples],
      serve: ['normal_priority', 'low_priority'],
    });
    examples = lab.get(Examples);
  });
  afterAll(() => lab.close());
  const parts = () => ({ tasks: lab.client, database: lab.database, tx: lab.database.manager });
  const film = (name: string) => ({ film: name, user: 'ann', frames: 3 });

  it('sends tasks', async () => {
    const { tasks, database } = parts();
    const userId = '01890000-0000-7000-8000-000000000000';

    await database.transaction(async (tx) => {
      await tasks.send(tx, addNumbersTask, { x: 2, y: 3 });
    });
    const sent = await tasks.send(database.manager, addNumbersTask, { x: 2, y: 3 });
    expect(await sent.get({ timeoutMs: 30_000 })).toBe(5);

    const options = await tasks.send(
      database.manager,
      addNumbersTask,
      { x: 2, y: 3 },
      {
        queue: 'low_priority',
        priority: 0,
        delayMs: 10 * minute,
        expiresInMs: 60 * minute,
        retry: { max: 1, delayMs: 5_000 },
        link: s(logResultTask),
        linkError: s(handleErrorTask),
        ownerId: userId,
      },
    );
    const { queue, priority, ownerId, state } = await lab.task(options.id);
    expect([queue, priority, ownerId]).toEqual(['low_priority', 0, userId]);
    expect(state).toBe('PENDING');
    await lab.makeDue(options.id);
    await eventually('the callback has run', () => examples.logged.includes(5));
  });

  it('follows a task to its result', async () => {
    const { tasks, tx } = parts();
    const taskId = await lab.send(addNumbersTask, { x: 2, y: 3 });

    const result = tasks.result(taskId, addNumbersTask);
    const sum = await result.get({ timeoutMs: 30_000 });
    expect(sum).toBe(5);
    expect(await result.ready()).toBe(true);
    await result.forget();
    expect(await result.get()).toBe(null);

    const sent = await tasks.sendCanvas(tx, group(si(sumTask, [1, 2]), si(sumTask, [3])));
    expect(await sent.get({ timeoutMs: 30_000 })).toEqual([3, 3]);
    expect(await sent.completedCount()).toBe(2);
    const [first] = await sent.parts();
    expect(await first!.get()).toBe(3);
  });

  it('composes tasks into a canvas', async () => {
    const { tasks, tx } = parts();

    const steps = chain(
      si(addNumbersTask, { x: 1, y: 2 }), // 3
      s(addNumbersTask, 'x', { y: 10 }), // 13: the result before is x
      group(s(addNumbersTask, 'x', { y: 1 }), s(addNumbersTask, 'x', { y: 2 })), // [14, 15]
      s(sumTask), // 29: the results before are the payload
    );
    const total = await tasks.sendCanvas(tx, steps.linkError(s(handleErrorTask)));
    expect(await total.get({ timeoutMs: 30_000 })).toBe(29);

    const doubles = [1, 2, 3].map((n) => si(addNumbersTask, { x: n, y: n }));
    const sumOfAll = chord(group(...doubles), s(sumTask));
    expect(await (await tasks.sendCanvas(tx, sumOfAll)).get({ timeoutMs: 30_000 })).toBe(12);

    const payloads = [1, 2, 3].map((x) => ({ x, y: 1 }));
    const many = group(
      map(addNumbersTask, payloads), // one task, one after the other: [2, 3, 4]
      starmap(addNumbersTask, ['x', 'y'], [[1, 2]]), // the same with tuples: [3]
      chunks(addNumbersTask, payloads, 2), // a group of map tasks: [[2, 3], [4]]
    );
    const all = await (await tasks.sendCanvas(tx, many)).get({ timeoutMs: 30_000 });
    expect(all).toEqual([[2, 3, 4], [3], [[2, 3], [4]]]);
  });

  it('stops a canvas where it fails', async () => {
    const { tasks, tx } = parts();
    const render = (name: string) => si(renderFilmTask, film(name));
    const sent = await tasks.sendCanvas(
      tx,
      chain(render('found'), render('lost'), si(sumTask, [1])).linkError(s(handleErrorTask)),
    );
    const error: unknown = await sent.get({ timeoutMs: 30_000 }).catch((e: unknown) => e);
    assert.ok(error instanceof TaskFailedError);
    expect(error.failure.code).toBe('unknown_film');
    await eventually('the error was handled', () => examples.reports.length > 0);
    expect(examples.reports.map((report) => [report.task_id, report.name])).toEqual([
      [sent.id, 'chain'],
    ]);
  });

  it('retries when the handler asks for it', async () => {
    const { tasks, tx } = parts();
    examples.studio.asked = 0;
    const sent = await tasks.send(tx, renderFilmTask, film('in demand'));
    const waiting = await lab.reaches(sent.id, 'RETRY');
    expect(waiting.error?.code).toBe('retry_later');
    await lab.makeDue(sent.id);
    expect(await sent.get({ timeoutMs: 30_000 })).toEqual({ frames: 3 });
    expect((await lab.task(sent.id)).attempt).toBe(2);
  });

  it('revokes a task', async () => {
    const { tasks, tx } = parts();
    const sent = await tasks.send(tx, sumTask, [1], { queue: 'high_priority' });
    const taskId = sent.id;

    const [revoked] = await tasks.revoke(taskId, { terminate: true, signal: 'SIGKILL' });
    expect(revoked!.outcome).toBe('revoked'); // or stopping, finished, unknown
    await expect(tasks.result(taskId).get()).rejects.toThrow(TaskRevokedError);
  });

  it('watches events and inspects workers', async () => {
    const events = lab.get(LiveEvents);
    const control = lab.get(WorkerControl);
    const stop = new AbortController();
    const seen: string[] = [];
    const watching = (async () => {
      for await (const event of events.watch({ task: 'sum' }, stop.signal)) seen.push(event.type);
    })();
    await eventually('an end was seen', async () => {
      await lab.finished(await lab.send(sumTask, [1]));
      return seen.includes('task-succeeded');
    });
    stop.abort();
    await watching;

    const { replies, missing } = await eventually('the worker answers', async () => {
      const answers = await control.inspect.active({ timeoutMs: 2_000 });
      return answers.replies.length > 0 && answers;
    });
    expect(replies[0]!.ok).toBe(true);
    expect(missing).toEqual([]);
  });

  it('adds a schedule at run time', async () => {
    const schedules = lab.get(Schedules);
    await schedules.add({ name: 'warm_up', task: warmUpTask, payload: {}, everyMs: 300_000 });
    await schedules.pause('warm_up'); // until resume; what is missed in a pause is not made up for
    const id = await schedules.runNow('warm_up'); // paused or not; the ticks stay as they are
    const [run] = await schedules.history('warm_up'); // due, sent, by hand or not, task, its state
    await schedules.remove('warm_up'); // with its history; one that is declared can only be paused
    expect(run!.taskId).toBe(id);
    expect((await lab.finished(id)).state).toBe('SUCCESS');
  });
});
