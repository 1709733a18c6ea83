import assert from 'node:assert/strict';
import { expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { defineTask } from '../../../src/tasks/definitions/task-definition.js';
import { HandlesTask } from '../../../src/tasks/definitions/task-handler.decorator.js';
import { TaskRegistryError } from '../../../src/tasks/definitions/task-registry.js';
import { QUEUE_NAMES } from '../../../src/tasks/definitions/queues.js';
import { openTaskLab } from '../../support/task-lab.js';

const shapes = { queue: 'low_priority', payload: z.null(), result: z.null() } as const;
const lonely = defineTask({ name: 'lonely', ...shapes });

@Injectable()
class One {
  @HandlesTask(lonely)
  async run() {
    return null;
  }
}

@Injectable()
class Two {
  @HandlesTask(lonely)
  async run() {
    return null;
  }
}

async function startWith(providers: (new () => object)[]): Promise<unknown> {
  const lab = await openTaskLab('postgres', { providers, serve: [], complete: true });
  try {
    lab.workers.start([...QUEUE_NAMES]);
    return undefined;
  } catch (error) {
    return error;
  } finally {
    await lab.close();
  }
}

it('a worker starts when each task has one handler', async () => {
  expect(await startWith([One])).toBe(undefined);
});

it('a worker does not start when a task has no handler, and its message says what to add', async () => {
  const error = await startWith([]);
  assert.ok(error instanceof TaskRegistryError);
  expect(error.message).toMatch(/"lonely" has no handler\. Add a method with @HandlesTask/);
});

it('a worker does not start when a task has two handlers', async () => {
  const error = await startWith([One, Two]);
  assert.ok(error instanceof TaskRegistryError);
  expect(error.message).toMatch(/"lonely" has two handlers/);
});
