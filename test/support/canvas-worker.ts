import { CanvasProgress } from '../../src/tasks/canvas/canvas-progress.js';
import { Dispatcher } from '../../src/tasks/hints/dispatcher.js';
import { TaskEndings } from '../../src/tasks/ending/task-endings.js';
import { TaskClaims } from '../../src/tasks/ledger/task-claims.js';
import { CanvasHandlers } from './canvas-tasks.js';
import type { QueueEngineName } from './queue-engines.js';
import { openTaskLab } from './task-lab.js';

/**
 * A worker of its own process with the tasks of a canvas. With DIE_WHEN it dies of SIGKILL when a task
 * reaches that phase for the DIE_AT-th time.
 */
const { DATABASE_URL, QUEUE_URL, ENGINE, DIE_WHEN, DIE_AT } = process.env;

type Method = (this: unknown, ...args: never[]) => unknown;

const phases: Record<string, () => void> = {
  claimed: () => dieAt(TaskClaims.prototype, 'claim', 'after'),
  // The next steps are written, and nothing is committed.
  ending: () => dieAt(CanvasProgress.prototype, 'ended', 'after'),
  // Committed; the hint of this task is still there, those of the next steps are not.
  ended: () => dieAt(Dispatcher.prototype, 'dispatch', 'before'),
  told: () => dieAt(TaskEndings.prototype, 'succeed', 'after'),
};

function dieAt(prototype: object, name: string, moment: 'before' | 'after'): void {
  const methods = prototype as Record<string, Method>;
  const original = methods[name]!;
  let left = Number(DIE_AT);
  methods[name] = function (...args) {
    const last = --left === 0;
    if (last && moment === 'before') die();
    const answer = original.apply(this, args);
    return last ? (answer as Promise<unknown>).then(die) : answer;
  };
}

function die(): void {
  process.kill(process.pid, 'SIGKILL');
}

if (DIE_WHEN !== undefined) phases[DIE_WHEN]!();
await openTaskLab(ENGINE as QueueEngineName, {
  providers: [CanvasHandlers],
  stores: { databaseUrl: DATABASE_URL!, queueUrl: QUEUE_URL, close: async () => {} },
  settings: { workerConcurrency: 3 },
});
process.stdout.write('Serving\n');
