import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { MessageBus } from '../../../src/infrastructure/queue/message-bus.js';
import { defineTask } from '../../../src/tasks/definitions/task-definition.js';
import { HandlesTask } from '../../../src/tasks/definitions/task-handler.decorator.js';
import type { TaskEntity } from '../../../src/tasks/ledger/task.entity.js';
import { TaskResults } from '../../../src/tasks/results/task-results.js';
import { eventually } from '../../support/eventually.js';
import { onBothQueueEngines } from '../../support/on-both-queue-engines.js';
import { openTaskLab, type TaskLab } from '../../support/task-lab.js';

const gated = defineTask({
  name: 'awaited_gated',
  queue: 'normal_priority',
  payload: z.string(),
  result: z.int(),
});

@Injectable()
class Handlers {
  readonly open = new Set<string>();

  @HandlesTask(gated)
  async gated(gate: string) {
    await eventually('its gate is open', () => this.open.has(gate));
    return gate.length;
  }
}

/** Milliseconds after which a waiter looks for itself; see TaskEvents. */
const fallbackMs = 5_000;

onBothQueueEngines('waiting for a result outside the worker’s process', (engine) => {
  let worker: TaskLab;
  let waiter: TaskLab;
  beforeAll(async () => {
    worker = await openTaskLab(engine, { providers: [Handlers], serve: ['normal_priority'] });
    waiter = await openTaskLab(engine, { serve: [], stores: worker.stores });
  });
  afterAll(async () => {
    await waiter.close();
    await worker.close();
  });

  /** Has the fallback come after `ms`. */
  function fallback(ms: number): void {
    const original = globalThis.setTimeout as (...args: unknown[]) => NodeJS.Timeout;
    const changed = (then: unknown, after: number, ...args: unknown[]) =>
      after === fallbackMs ? original(then, ms).unref() : original(then, after, ...args);
    jest.spyOn(globalThis, 'setTimeout').mockImplementation(changed as typeof setTimeout);
  }

  /** Waits for a task whose gate opens once the ledger was read. @returns result, reads */
  async function wait(gate: string) {
    const reads = jest.spyOn(waiter.get(TaskResults), 'task');
    const sent = await waiter.client.send(waiter.database.manager, gated, gate);
    const getting = sent.get({ timeoutMs: 300_000 });
    const read = await eventually(
      'the ledger is read',
      () => reads.mock.results[0]?.value as Promise<TaskEntity> | undefined,
    );
    expect(read.state).not.toBe('SUCCESS');
    worker.get(Handlers).open.add(gate);
    return { result: await getting, reads: reads.mock.calls.length };
  }

  it('ends with a message, at the second look at the ledger', async () => {
    // Beyond the timeout: nothing but the message can end the wait.
    fallback(60_000);
    expect(await wait('told')).toEqual({ result: 4, reads: 2 });
  });

  it('ends without the message, by looking at the ledger itself', async () => {
    jest.spyOn(worker.get(MessageBus), 'publish').mockImplementation(async () => 0);
    fallback(200);
    const { result, reads } = await wait('untold');
    expect(result).toBe(6);
    expect(reads).toBeGreaterThanOrEqual(2);
  });
});
