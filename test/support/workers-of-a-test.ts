import { expect } from '@jest/globals';
import assert from 'node:assert/strict';
import { WorkerControl } from '../../src/tasks/control/worker-control.js';
import { WorkerQuestions, type Answers } from '../../src/tasks/control/worker-questions.js';
import type { QueueName } from '../../src/tasks/definitions/queues.js';
import { eventually } from './eventually.js';
import type { QueueEngineName } from './queue-engines.js';
import { openTaskLab, type TaskLab, type TaskLabOptions } from './task-lab.js';

/** Several workers on the same stores, and one who asks them without being a worker. */
export interface TestWorkers {
  /** Serves nothing itself. */
  asker: TaskLab;
  workers: TaskLab[];
  remote: WorkerControl;
  /** Starts one more, and waits until the others see it: it may have run tasks before that. */
  add(name: string): Promise<void>;
  close(): Promise<void>;
}

export async function openWorkers(
  engine: QueueEngineName,
  names: string[],
  options: Omit<TaskLabOptions, 'stores' | 'name'> = {},
): Promise<TestWorkers> {
  const asker = await openTaskLab(engine, { ...options, serve: [] });
  const serve: QueueName[] = options.serve ?? ['normal_priority'];
  const workers: TaskLab[] = [];
  const remote = asker.get(WorkerControl);
  // A second, the default, can be too short for workers on a busy machine.
  const questions = asker.get(WorkerQuestions);
  const ask = questions.ask.bind(questions);
  questions.ask = (command, args, askOptions) =>
    ask(command, args, { timeoutMs: 60_000, ...askOptions });
  const add = async (name: string) => {
    workers.push(await openTaskLab(engine, { ...options, serve, name, stores: asker.stores }));
    await eventually('every worker is there', async () => {
      return (await remote.workers()).length === workers.length;
    });
  };
  for (const name of names) await add(name);
  return {
    asker,
    workers,
    remote,
    add,
    close: async () => {
      for (const lab of workers) await lab.close();
      await asker.close();
    },
  };
}

/** What each worker gave, by name; fails when one is missing or refused. */
export function dataOf<T>({ replies, missing }: Answers<T>): Record<string, T> {
  expect(missing).toEqual([]);
  return Object.fromEntries(
    replies.map((reply) => {
      if (!reply.ok) assert.fail(`${reply.worker} refused: ${reply.error}`);
      return [reply.worker, reply.data];
    }),
  );
}

/** Why each worker refused, by name; fails when one did it. */
export function errorsOf<T>({ replies }: Answers<T>): Record<string, string> {
  return Object.fromEntries(
    replies.map((reply) => {
      if (reply.ok) assert.fail(`${reply.worker} did it`);
      return [reply.worker, reply.error];
    }),
  );
}
