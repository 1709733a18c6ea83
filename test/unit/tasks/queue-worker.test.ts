import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { QueueEngine } from '../../../src/infrastructure/queue/queue-engine.js';
import type { TaskRunner } from '../../../src/tasks/task-runner.js';
import { QueueWorker } from '../../../src/tasks/workers/queue-worker.js';

it('a worker that is paused while its size changes stays paused', async () => {
  const calls: string[] = [];
  const bull = {
    concurrency: 1,
    on: () => bull,
    pause: async () => void calls.push('pause'),
    resume: async () => void calls.push('resume'),
  };
  const engine = { createWorker: () => bull } as unknown as QueueEngine;
  const worker = new QueueWorker('high_priority', 'name', engine, {} as TaskRunner, 1);
  const resized = worker.resize(2);
  await worker.pause();
  await resized;
  assert.equal(bull.concurrency, 2);
  assert.equal(worker.paused, true);
  assert.deepEqual(calls, ['pause', 'pause']);
});
