import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import type { TaskContext } from '../../../src/tasks/task-context.js';
import { defineTask } from '../../../src/tasks/task-definition.js';
import {
  PermanentTaskError,
  RetryLater,
  RetryableTaskError,
  Snooze,
} from '../../../src/tasks/task-errors.js';
import { HandlesTask } from '../../../src/tasks/task-handler.decorator.js';
import { onBothQueueEngines } from '../../support/queue-engines.js';
import { openTaskLab, type TaskLab } from '../../support/task-lab.js';

const double = defineTask({
  name: 'double',
  queue: 'normal_priority',
  payload: z.strictObject({ n: z.int() }),
  result: z.int().max(100),
});
const troubled = defineTask({
  name: 'troubled',
  queue: 'normal_priority',
  payload: z.enum(['permanent', 'retryable', 'unexpected', 'later', 'second_time']),
  result: z.string(),
  retry: { max: 2, delayMs: 1 },
});
const dozing = defineTask({
  name: 'dozing',
  queue: 'normal_priority',
  payload: z.strictObject({ attempts: z.int(), patienceMs: z.int() }),
  result: z.string(),
  retry: { max: 0 },
});
const patient = defineTask({
  name: 'patient',
  queue: 'normal_priority',
  payload: z.null(),
  result: z.string(),
});

@Injectable()
class Handlers {
  @HandlesTask(double)
  async double({ n }: { n: number }) {
    return n * 2;
  }

  @HandlesTask(troubled)
  async fail(how: z.output<typeof troubled.payload>, { attempt }: TaskContext): Promise<string> {
    switch (how) {
      case 'permanent':
        throw new PermanentTaskError('no_use', 'It cannot work.');
      case 'unexpected':
        throw new Error('password=hunter2');
      case 'later':
        if (attempt === 1) throw new RetryLater(1, 'Not yet.');
        return 'done';
      case 'second_time':
        if (attempt === 1) throw new RetryableTaskError('hiccup', 'Once.');
        return 'done';
      case 'retryable':
        throw new RetryableTaskError('hiccup', 'Again and again.');
    }
  }

  @HandlesTask(dozing)
  async doze({ attempts, patienceMs }: z.output<typeof dozing.payload>, { attempt }: TaskContext) {
    if (attempt > attempts) return 'awake';
    throw new Snooze(1, { code: 'away', message: 'Nobody is there.', patienceMs });
  }

  @HandlesTask(patient)
  async patient(_: null, { attempt }: TaskContext) {
    if (attempt === 1) throw new RetryableTaskError('hiccup', 'Once.');
    return 'done';
  }
}

onBothQueueEngines('how a task ends', (engine) => {
  let lab: TaskLab;
  before(async () => {
    lab = await openTaskLab(engine, { providers: [Handlers] });
  });
  after(() => lab.close());

  it('snoozed any number of times: no retry is counted', async () => {
    const task = await lab.finished(await lab.send(dozing, { attempts: 5, patienceMs: 3_600_000 }));
    assert.equal(task.state, 'SUCCESS');
    assert.equal(task.attempt, 6);
    assert.equal(task.retries, 0);
    assert.equal(task.error, null);
  });

  it('snoozed until its patience is over: FAILURE with the reason', async () => {
    const task = await lab.finished(await lab.send(dozing, { attempts: 1e6, patienceMs: 300 }));
    assert.equal(task.state, 'FAILURE');
    assert.equal(task.retries, 0);
    assert.ok(task.attempt > 1);
    assert.deepEqual(task.error, { code: 'away', message: 'Nobody is there.', retryable: false });
  });

  it('SUCCESS with its result', async () => {
    const task = await lab.finished(await lab.send(double, { n: 21 }));
    assert.equal(task.state, 'SUCCESS');
    assert.equal(task.result, 42);
    assert.equal(task.attempt, 1);
    assert.equal(task.error, null);
    assert.ok(task.startedAt! >= task.createdAt && task.finishedAt! >= task.startedAt!);
  });

  it('FAILURE when the result does not fit the definition', async () => {
    const task = await lab.finished(await lab.send(double, { n: 51 }));
    assert.equal(task.state, 'FAILURE');
    assert.equal(task.error?.code, 'invalid_result');
    assert.equal(task.result, null);
  });

  it('FAILURE at once after a permanent error', async () => {
    const task = await lab.finished(await lab.send(troubled, 'permanent'));
    assert.equal(task.attempt, 1);
    assert.deepEqual(task.error, {
      code: 'no_use',
      message: 'It cannot work.',
      retryable: false,
    });
  });

  it('FAILURE once the retries are used up', async () => {
    const task = await lab.finished(await lab.send(troubled, 'retryable'));
    assert.equal(task.state, 'FAILURE');
    assert.equal(task.attempt, 3);
    assert.equal(task.retries, 2);
    assert.equal(task.crashes, 0);
    assert.equal(task.error?.code, 'hiccup');
  });

  it('keeps an unexpected message out of the ledger', async () => {
    const task = await lab.finished(await lab.send(troubled, 'unexpected'));
    assert.equal(task.error?.code, 'handler_error');
    assert.doesNotMatch(JSON.stringify(task), /hunter2/);
    const job = await lab.hints.of('normal_priority').getJob(task.id);
    assert.doesNotMatch(JSON.stringify(job?.toJSON() ?? {}), /hunter2/);
  });

  for (const how of ['later', 'second_time'] as const) {
    it(`SUCCESS at a second attempt (${how})`, async () => {
      const task = await lab.finished(await lab.send(troubled, how));
      assert.equal(task.state, 'SUCCESS');
      assert.equal(task.attempt, 2);
      assert.equal(task.retries, 1);
      assert.equal(task.error, null);
    });
  }

  it('waits a minute in RETRY by default, and shows why', async () => {
    const id = await lab.send(patient, null);
    const waiting = await lab.reaches(id, 'RETRY');
    assert.equal(waiting.error?.code, 'hiccup');
    const [{ wait }] = await lab.database.query(
      `SELECT extract(epoch FROM run_at - started_at)::float8 AS wait FROM tasks WHERE id = $1`,
      [id],
    );
    assert.ok(wait >= 60 && wait < 90, `${wait} s`);
    await lab.makeDue(id);
    const task = await lab.finished(id);
    assert.equal(task.state, 'SUCCESS');
    assert.equal(task.retries, 1);
  });
});
