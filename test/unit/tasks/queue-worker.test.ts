import { expect, it } from '@jest/globals';
import type { TaskRunner } from '../../../src/tasks/workers/task-runner.js';
import { HighPriorityProcessor } from '../../../src/tasks/workers/queue-processors.js';
import type { WorkerProcess } from '../../../src/tasks/process/worker-process.js';

it('a worker that is paused while its size changes stays paused', async () => {
  const calls: string[] = [];
  const bull = {
    concurrency: 1,
    pause: async () => void calls.push('pause'),
    resume: async () => void calls.push('resume'),
  };
  const worker = new HighPriorityProcessor({} as TaskRunner, {} as WorkerProcess);
  Object.assign(worker, { _worker: bull });
  const resized = worker.resize(2);
  await worker.pause();
  await resized;
  expect(bull.concurrency).toBe(2);
  expect(worker.paused).toBe(true);
  expect(calls).toEqual(['pause', 'pause']);
});
