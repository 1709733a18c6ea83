import assert from 'node:assert/strict';
import { after, before, it, type TestContext } from 'node:test';
import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { MessageBus } from '../../../src/infrastructure/queue/message-bus.js';
import { defineTask } from '../../../src/tasks/task-definition.js';
import { HandlesTask } from '../../../src/tasks/task-handler.decorator.js';
import { TaskResults } from '../../../src/tasks/task-results.js';
import { eventually } from '../../support/eventually.js';
import { onBothQueueEngines } from '../../support/queue-engines.js';
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

onBothQueueEngines('waiting for a result in another process than the worker’s', (engine) => {
  let worker: TaskLab;
  let waiter: TaskLab;
  before(async () => {
    worker = await openTaskLab(engine, { providers: [Handlers], serve: ['normal_priority'] });
    waiter = await openTaskLab(engine, { serve: [], stores: worker.stores });
  });
  after(async () => {
    await waiter.close();
    await worker.close();
  });

  /** Has the fallback come after `ms`. */
  function fallback(t: TestContext, ms: number): void {
    const original = globalThis.setTimeout as (...args: unknown[]) => NodeJS.Timeout;
    const changed = (then: unknown, after: number, ...args: unknown[]) =>
      after === fallbackMs ? original(then, ms).unref() : original(then, after, ...args);
    t.mock.method(globalThis, 'setTimeout', changed as typeof setTimeout);
  }

  /** Waits for a task whose gate opens once the ledger was read. @returns result, reads */
  async function wait(t: TestContext, gate: string) {
    const reads = t.mock.method(waiter.get(TaskResults), 'task').mock;
    const sent = await waiter.client.send(waiter.database.manager, gated, gate);
    const getting = sent.get({ timeoutMs: 20_000 });
    const read = await eventually('the ledger is read', () => reads.calls[0]?.result);
    assert.notEqual(read.state, 'SUCCESS');
    worker.get(Handlers).open.add(gate);
    return { result: await getting, reads: reads.callCount() };
  }

  it('a message ends it, at the second look at the ledger', async (t) => {
    // Beyond the timeout: nothing but the message can end the wait.
    fallback(t, 60_000);
    assert.deepEqual(await wait(t, 'told'), { result: 4, reads: 2 });
  });

  it('without the message it looks for itself', async (t) => {
    t.mock.method(worker.get(MessageBus), 'publish', async () => 0);
    fallback(t, 200);
    const { result, reads } = await wait(t, 'untold');
    assert.equal(result, 6);
    assert.ok(reads >= 2);
  });
});
