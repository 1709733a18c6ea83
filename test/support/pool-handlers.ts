import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import { completeWith, type TaskContext } from '../../src/tasks/definitions/task-context.js';
import { defineTask } from '../../src/tasks/definitions/task-definition.js';
import { RetryLater } from '../../src/tasks/definitions/task-errors.js';
import { HandlesTask } from '../../src/tasks/definitions/task-handler.decorator.js';

/** Tells in which process it ran. */
export const tell = defineTask({
  name: 'tell',
  queue: 'normal_priority',
  payload: z.null(),
  result: z.object({ pid: z.number() }),
});
/** Ends with a row of its own. */
export const note = defineTask({
  name: 'note',
  queue: 'normal_priority',
  payload: z.string(),
  result: z.object({ pid: z.number() }),
});
/** Does not end by itself; what stops it is in the table `reasons`. */
export const endure = defineTask({
  name: 'endure',
  queue: 'normal_priority',
  payload: z.enum(['waits_for_gate', 'spins', 'hangs', 'outlives_signal']),
  result: z.number(),
});
export const endureBriefly = defineTask({
  name: 'endure_briefly',
  queue: 'normal_priority',
  payload: z.enum([
    'spins',
    'spins_in_transaction',
    'hangs',
    'obeys',
    'makes_do',
    'waits_paused',
    'hangs_after_pause',
    'spins_after_pause',
  ]),
  result: z.string(),
  softTimeLimitMs: 100,
  hardTimeLimitMs: 2_000,
});
/** Leaves work behind when it is stopped, until its gate is open. */
export const depart = defineTask({
  name: 'depart',
  queue: 'normal_priority',
  payload: z.null(),
  result: z.null(),
});
/** Kills its process at its first attempts. */
export const die = defineTask({
  name: 'die',
  queue: 'normal_priority',
  payload: z.object({ how: z.enum(['exit', 'kill', 'throw_outside']), times: z.number() }),
  result: z.number(),
  maxCrashes: 3,
});
export const retry = defineTask({
  name: 'retry',
  queue: 'normal_priority',
  payload: z.null(),
  result: z.number(),
});

/** Tables in which the handlers leave word, as they run in other processes. */
export const poolTables = `
  CREATE TABLE notes (task uuid, text text);
  CREATE TABLE reasons (task uuid, pid int, reason text);
  CREATE TABLE gates (task uuid);`;

@Injectable()
export class PoolHandlers {
  constructor(private readonly database: DataSource) {}

  @HandlesTask(tell)
  async tell() {
    return { pid: process.pid };
  }

  @HandlesTask(note)
  async note(text: string, { taskId }: TaskContext) {
    return completeWith(async (tx) => {
      await tx.query('INSERT INTO notes VALUES ($1, $2)', [taskId, text]);
      return { pid: process.pid };
    });
  }

  @HandlesTask(endure)
  async endure(how: z.output<typeof endure.payload>, context: TaskContext) {
    const { taskId, signal, attempt } = context;
    if (attempt > 1) return attempt;
    context.progress({ percent: 40, step: process.pid });
    // Time for the progress to be written, before nothing can be.
    await delay(100);
    if (how === 'spins') spin();
    if (how === 'hangs') await never();
    while (!signal.aborted) {
      const open = await this.database.query('SELECT FROM gates WHERE task = $1', [taskId]);
      if (open.length > 0) return attempt;
      await delay(20);
    }
    const { name } = signal.reason as Error;
    await this.database.query('INSERT INTO reasons VALUES ($1, $2, $3)', [
      taskId,
      process.pid,
      name,
    ]);
    if (how === 'outlives_signal') await never();
    throw signal.reason;
  }

  @HandlesTask(endureBriefly)
  async endureBriefly(
    how: z.output<typeof endureBriefly.payload>,
    { taskId, signal, timeLimits }: TaskContext,
  ) {
    if (how === 'waits_paused' || how.endsWith('_after_pause')) {
      timeLimits.pause();
      await this.database.query('INSERT INTO notes VALUES ($1, $2)', [taskId, 'paused']);
      await this.gate(taskId);
      timeLimits.restart();
      if (how === 'waits_paused') return 'after its turn';
    }
    if (how === 'spins_after_pause') spin();
    if (how === 'hangs_after_pause') await never();
    if (how === 'spins') spin();
    if (how === 'spins_in_transaction') return completeWith<string>(async () => spin());
    if (how === 'hangs') await never();
    await once(signal, 'abort');
    if (how === 'obeys') throw signal.reason;
    return (signal.reason as Error).name;
  }

  @HandlesTask(depart)
  async depart(_: null, { taskId, signal, progress, leavesBehind }: TaskContext): Promise<null> {
    progress({ percent: 40, step: process.pid });
    await once(signal, 'abort');
    leavesBehind(this.gate(taskId));
    throw signal.reason;
  }

  private async gate(taskId: string): Promise<void> {
    for (;;) {
      const open = await this.database.query('SELECT FROM gates WHERE task = $1', [taskId]);
      if (open.length > 0) return;
      await delay(20);
    }
  }

  @HandlesTask(die)
  async die({ how, times }: z.output<typeof die.payload>, { attempt }: TaskContext) {
    if (attempt > times) return attempt;
    if (how === 'exit') process.exit(3);
    if (how === 'kill') process.kill(process.pid, 'SIGKILL');
    else setImmediate(() => JSON.parse('not json'));
    return never();
  }

  @HandlesTask(retry)
  async retry(_: null, { attempt }: TaskContext) {
    if (attempt === 1) throw new RetryLater(0);
    return attempt;
  }
}

function spin(): never {
  for (;;);
}

function never(): Promise<never> {
  return new Promise(() => {});
}
