import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { about } from '../../support/about.js';
import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import type { TaskContext } from '../../../src/tasks/definitions/task-context.js';
import { defineTask } from '../../../src/tasks/definitions/task-definition.js';
import {
  PermanentTaskError,
  RetryLater,
  RetryableTaskError,
  Snooze,
} from '../../../src/tasks/definitions/task-errors.js';
import { HandlesTask } from '../../../src/tasks/definitions/task-handler.decorator.js';
import { onBothQueueEngines } from '../../support/on-both-queue-engines.js';
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

onBothQueueEngines('a task', (engine) => {
  let lab: TaskLab;
  beforeAll(async () => {
    lab = await openTaskLab(engine, { providers: [Handlers] });
  });
  afterAll(() => lab.close());

  it('counts no retry however often it is snoozed', async () => {
    const task = await lab.finished(await lab.send(dozing, { attempts: 5, patienceMs: 3_600_000 }));
    expect(task.state).toBe('SUCCESS');
    expect(task.attempt).toBe(6);
    expect(task.retries).toBe(0);
    expect(task.error).toBe(null);
  });

  it('is FAILURE with the reason when it was snoozed until its patience was over', async () => {
    const task = await lab.finished(await lab.send(dozing, { attempts: 1e6, patienceMs: 300 }));
    expect(task.state).toBe('FAILURE');
    expect(task.retries).toBe(0);
    expect(task.attempt).toBeGreaterThan(1);
    expect(task.error).toEqual({ code: 'away', message: 'Nobody is there.', retryable: false });
  });

  it('is SUCCESS with its result', async () => {
    const task = await lab.finished(await lab.send(double, { n: 21 }));
    expect(task.state).toBe('SUCCESS');
    expect(task.result).toBe(42);
    expect(task.attempt).toBe(1);
    expect(task.error).toBe(null);
    expect(task.startedAt! >= task.createdAt && task.finishedAt! >= task.startedAt!).toBe(true);
  });

  it('is FAILURE when the result does not fit the definition', async () => {
    const task = await lab.finished(await lab.send(double, { n: 51 }));
    expect(task.state).toBe('FAILURE');
    expect(task.error?.code).toBe('invalid_result');
    expect(task.result).toBe(null);
  });

  it('is FAILURE at once after a permanent error', async () => {
    const task = await lab.finished(await lab.send(troubled, 'permanent'));
    expect(task.attempt).toBe(1);
    expect(task.error).toEqual({
      code: 'no_use',
      message: 'It cannot work.',
      retryable: false,
    });
  });

  it('is FAILURE once the retries are used up', async () => {
    const task = await lab.finished(await lab.send(troubled, 'retryable'));
    expect(task.state).toBe('FAILURE');
    expect(task.attempt).toBe(3);
    expect(task.retries).toBe(2);
    expect(task.crashes).toBe(0);
    expect(task.error?.code).toBe('hiccup');
  });

  it('keeps an unexpected message out of the ledger', async () => {
    const task = await lab.finished(await lab.send(troubled, 'unexpected'));
    expect(task.error?.code).toBe('handler_error');
    expect(JSON.stringify(task)).not.toMatch(/hunter2/);
    const job = await lab.hints.of('normal_priority').getJob(task.id);
    expect(JSON.stringify(job?.toJSON() ?? {})).not.toMatch(/hunter2/);
  });

  for (const how of ['later', 'second_time'] as const) {
    it(`is SUCCESS at a second attempt (${how})`, async () => {
      const task = await lab.finished(await lab.send(troubled, how));
      expect(task.state).toBe('SUCCESS');
      expect(task.attempt).toBe(2);
      expect(task.retries).toBe(1);
      expect(task.error).toBe(null);
    });
  }

  it('waits a minute in RETRY by default, and shows why', async () => {
    const id = await lab.send(patient, null);
    const waiting = await lab.reaches(id, 'RETRY');
    expect(waiting.error?.code).toBe('hiccup');
    const [{ wait }] = await lab.database.query(
      `SELECT extract(epoch FROM run_at - started_at)::float8 AS wait FROM tasks WHERE id = $1`,
      [id],
    );
    about(`${wait} s`, () => expect(wait >= 60 && wait < 90).toBe(true));
    await lab.makeDue(id);
    const task = await lab.finished(id);
    expect(task.state).toBe('SUCCESS');
    expect(task.retries).toBe(1);
  });
});
