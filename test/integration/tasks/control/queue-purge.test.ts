import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { chain, chord, group, s, si } from '../../../../src/tasks/canvas/signatures.js';
import { QueuePurge } from '../../../../src/tasks/operations/queue-purge.js';
import { Dispatcher } from '../../../../src/tasks/hints/dispatcher.js';
import type { QueueName } from '../../../../src/tasks/definitions/queues.js';
import { defineTask } from '../../../../src/tasks/definitions/task-definition.js';
import { HandlesTask } from '../../../../src/tasks/definitions/task-handler.decorator.js';
import { onBothQueueEngines } from '../../../support/on-both-queue-engines.js';
import { openTaskLab, type TaskLab } from '../../../support/task-lab.js';

const hold = defineTask({
  name: 'hold',
  queue: 'high_priority',
  payload: z.null(),
  result: z.string(),
});
const part = defineTask({
  name: 'part',
  queue: 'normal_priority',
  payload: z.number(),
  result: z.number(),
});
const sum = defineTask({
  name: 'sum',
  queue: 'low_priority',
  payload: z.array(z.number()),
  result: z.number(),
});

let letGo: () => void;
let held: Promise<void>;

@Injectable()
class Handlers {
  @HandlesTask(hold)
  async hold() {
    await held;
    return 'done';
  }

  @HandlesTask(part)
  async part(n: number) {
    return n;
  }

  @HandlesTask(sum)
  async sum(numbers: number[]) {
    return numbers.reduce((a, b) => a + b, 0);
  }
}

onBothQueueEngines('purging queues', (engine) => {
  let lab: TaskLab;
  let purge: QueuePurge;
  beforeAll(async () => {
    held = new Promise((resolve) => (letGo = resolve));
    lab = await openTaskLab(engine, { providers: [Handlers], serve: ['high_priority'] });
    purge = lab.get(QueuePurge);
  });
  afterAll(() => lab.close());

  it('ends the canvases of waiting tasks, as a revocation does', async () => {
    const { manager } = lab.database;
    const header = group(si(part, 1), si(part, 2), si(part, 3));
    await lab.client.sendCanvas(manager, chord(header, s(sum)));
    await lab.client.sendCanvas(manager, chain(si(part, 1), s(part), s(part)));
    expect(await purge.count(['normal_priority'])).toBe(4);
    const told: number[] = [];
    const outcome = await purge.purge(['normal_priority'], (n) => told.push(n));
    expect(outcome).toEqual({ revoked: 4, hintsLeft: 0 });
    expect(told.at(-1)).toEqual(4);
    const states = await lab.database.query(
      `SELECT kind, name, state, error->>'code' AS code, count(*)::int AS n FROM tasks
        GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4`,
    );
    expect(states.map(Object.values)).toEqual([
      ['chain', 'chain', 'REVOKED', 'purged', 1],
      ['chord', 'chord', 'FAILURE', 'chord_error', 1],
      ['group', 'group', 'FAILURE', 'group_failed', 1],
      ['task', 'part', 'REVOKED', 'chain_stopped', 2],
      ['task', 'part', 'REVOKED', 'purged', 4],
      ['task', 'sum', 'FAILURE', 'chord_error', 1],
    ]);
  });

  it('leaves running tasks and other queues alone', async () => {
    const running = await lab.send(hold, null);
    await lab.reaches(running, 'STARTED');
    const other = await lab.send(sum, []);
    const delayed = await lab.send(part, 1, { delayMs: 3_600_000 });
    await lab.get(Dispatcher).idle();
    const queues: QueueName[] = ['high_priority', 'normal_priority'];
    expect(await purge.purge(queues)).toEqual({ revoked: 1, hintsLeft: 0 });
    expect((await lab.task(delayed)).state).toBe('REVOKED');
    expect((await lab.task(other)).state).toBe('PENDING');
    letGo();
    expect((await lab.finished(running)).state).toBe('SUCCESS');
  });
});
