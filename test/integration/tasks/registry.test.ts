import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { defineTask } from '../../../src/tasks/task-definition.js';
import { HandlesTask } from '../../../src/tasks/task-handler.decorator.js';
import { TaskRegistryError } from '../../../src/tasks/task-registry.js';
import { QUEUE_NAMES } from '../../../src/tasks/queues.js';
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
  const lab = await openTaskLab('postgres', { providers, serve: [] });
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
  assert.equal(await startWith([One]), undefined);
});

it('a worker does not start when a task has no handler, and says what to add', async () => {
  const error = await startWith([]);
  assert.ok(error instanceof TaskRegistryError);
  assert.match(error.message, /"lonely" has no handler\. Add a method with @HandlesTask/);
});

it('a worker does not start when a task has two handlers', async () => {
  const error = await startWith([One, Two]);
  assert.ok(error instanceof TaskRegistryError);
  assert.match(error.message, /"lonely" has two handlers/);
});
