import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { z } from 'zod';
import { CreditAccounts } from '../../src/features/credits/credit-accounts.js';
import { CreditHolds } from '../../src/features/credits/credit-holds.js';
import { defineTask } from '../../src/tasks/definitions/task-definition.js';
import { HandlesTask } from '../../src/tasks/definitions/task-handler.decorator.js';
import { LimitedClaims } from '../../src/tasks/workers/limited-claims.js';
import type { QueueEngineName } from '../../test/support/queue-engines.js';
import { openTaskLab, type TaskLab } from '../../test/support/task-lab.js';
import { percentile, perSecond } from '../support/figures.js';
import { Samples } from '../support/samples.js';
import { sized } from '../support/sizes.js';
import { printTable } from '../support/table.js';

/**
 * Whether it gets slower to pay for a task, to store it and to choose the next one, when many owners wait. Beside the
 * ledger with the backlog stands one in which nobody else waits, and both are measured in turns.
 */
const owners = sized(10_000, 20);
const each = 10;
/** Owners who have as many tasks running as they may, and how many more each of them has waiting. */
const stopped = sized(25, 2);
const stoppedEach = sized(200, 3);
const rounds = sized(5, 1);
const count = sized(500, 5);

const shared = defineTask({
  name: 'bench_shared',
  queue: 'high_priority',
  payload: z.null(),
  result: z.null(),
  fairShare: { cost: () => 1 },
});
const plain = defineTask({
  name: 'bench_plain',
  queue: 'high_priority',
  payload: z.null(),
  result: z.null(),
});

@Injectable()
class Handlers {
  @HandlesTask(shared)
  async shared() {
    return null;
  }

  @HandlesTask(plain)
  async plain() {
    return null;
  }
}

async function openLedger(engine: QueueEngineName): Promise<TaskLab> {
  return openTaskLab(engine, {
    providers: [Handlers, CreditAccounts, CreditHolds],
    serve: ['low_priority'],
    settings: { reconcileMs: 3_600_000 },
  });
}

/** Users with accounts, each with tasks that wait and their holds. */
async function fill({ database }: TaskLab): Promise<void> {
  await database.query(
    `INSERT INTO users (id, name, role, plan)
     SELECT gen_random_uuid(), 'user ' || n, 'user', 'unlimited' FROM generate_series(1, $1) n`,
    [owners],
  );
  await database.query(
    `INSERT INTO tasks (id, kind, name, queue, priority, payload, delay_ms, owner_id, queue_check_at,
                        fair_start, fair_finish)
     SELECT gen_random_uuid(), 'task', $1, 'high_priority', 5, 'null', 0, users.id,
            now() + interval '1 day', n, n + 1
       FROM users, generate_series(1, $2) n`,
    [shared.name, each],
  );
  await database.query(
    `INSERT INTO credit_accounts (user_id, balance, held, open_tasks) SELECT id, 100, $1::int, $1::int FROM users`,
    [each],
  );
  await database.query(
    `INSERT INTO credit_holds (task_id, user_id, images, price_per_image)
     SELECT id, owner_id, 1, 1 FROM tasks`,
  );
  await database.query(
    `INSERT INTO credit_entries (user_id, kind, amount, task_id)
     SELECT owner_id, 'hold', 1, id FROM tasks`,
  );
  await database.query('VACUUM ANALYZE');
}

/** They are first in the line, and none of them can start. */
async function fillStopped({ database }: TaskLab): Promise<void> {
  await database.query(
    `INSERT INTO tasks (id, kind, name, queue, priority, payload, delay_ms, owner_id, queue_check_at,
                        fair_start, fair_finish, owner_limit, state, attempt, started_at, lease_until)
     SELECT gen_random_uuid(), 'task', $1, 'high_priority', 5, 'null', 0, owner.id,
            now() + interval '1 day', -n, 1 - n, 1, CASE WHEN n = 0 THEN 'STARTED' ELSE 'PENDING' END,
            (n = 0)::int, CASE WHEN n = 0 THEN now() END,
            CASE WHEN n = 0 THEN now() + interval '1 day' END
       FROM (SELECT id FROM users LIMIT $2) owner, generate_series(0, $3) n`,
    [shared.name, stopped, stoppedEach],
  );
  await database.query('VACUUM ANALYZE tasks');
}

async function addUser({ database }: TaskLab): Promise<string> {
  const id = uuidv7();
  const sql = `INSERT INTO users (id, name, role, plan) VALUES ($1, $2, 'user', 'unlimited')`;
  await database.query(sql, [id, id]);
  return id;
}

async function timed(work: (n: number) => Promise<void>) {
  const times: number[] = [];
  const began = performance.now();
  for (let n = 0; n < count; n++) {
    const start = performance.now();
    await work(n);
    times.push(performance.now() - start);
  }
  return { rate: perSecond(count, performance.now() - began), p99: percentile(times, 99) };
}

/** One user pays for tasks and stores them; a worker chooses and claims as many; they end. */
async function measure(lab: TaskLab, user: string) {
  const holds = lab.get(CreditHolds);
  const ids: string[] = [];
  const accept = await timed(async () => {
    const taskId = uuidv7();
    await lab.database.transaction(async (tx) => {
      await holds.hold(tx, [{ taskId, userId: user, images: 1, perImage: 1 }]);
      await lab.client.send(tx, shared, null, { id: taskId, ownerId: user });
    });
    ids.push(taskId);
  });
  const store = await timed(async () => {
    await lab.client.send(lab.database.manager, plain, null, { ownerId: user });
  });
  const claims = lab.get(LimitedClaims);
  const claimed: Awaited<ReturnType<typeof claims.claim>>[] = [];
  const claim = await timed(async (n) => {
    claimed.push(await claims.claim(ids[n]!, 'bench', false));
  });
  const end = await timed(async (n) => {
    const one = claimed[n]!;
    if (one.kind === 'claimed') await lab.transitions.succeed(one.task, null, null);
  });
  return { accept, store, claim, end };
}

async function compare(engine: QueueEngineName): Promise<Samples> {
  const samples = new Samples();
  const [alone, crowded] = [await openLedger(engine), await openLedger(engine)];
  try {
    await fill(crowded);
    const users = [await addUser(alone), await addUser(crowded)] as const;
    for (let round = 0; round < rounds; round++) {
      const one = await measure(alone, users[0]);
      const many = await measure(crowded, users[1]);
      samples.note({
        accept: one.accept.rate / one.store.rate,
        acceptCrowded: many.accept.rate / one.accept.rate,
        claimCrowded: many.claim.rate / one.claim.rate,
        endCrowded: many.end.rate / one.end.rate,
        acceptP99: many.accept.p99 / one.accept.p99,
        claimP99: many.claim.p99 / one.claim.p99,
      });
    }
    await fillStopped(crowded);
    for (let round = 0; round < rounds; round++) {
      const one = await measure(alone, users[0]);
      const many = await measure(crowded, users[1]);
      samples.note({ claimStopped: many.claim.rate / one.claim.rate });
    }
    return samples;
  } finally {
    await alone.close();
    await crowded.close();
  }
}

const [postgres, redis] = [await compare('postgres'), await compare('redis')];
const row = Samples.rows(postgres, redis);
const waiting = `${owners.toLocaleString('en')} owners with ${each} tasks each : nobody`;
printTable({
  title: `shares: pay, store, choose and settle, one at a time; ${waiting}`,
  rows: [
    row('accepted a second', 'acceptCrowded', '×', '≈ 1'),
    row('p99 of that', 'acceptP99', '×', '≈ 1'),
    row('chosen and claimed a second', 'claimCrowded', '×', '≈ 1'),
    row('p99 of that', 'claimP99', '×', '≈ 1'),
    row(`… with ${stopped * stoppedEach} first whose owners are at the limit`, 'claimStopped', '×'),
    row('ended and settled a second', 'endCrowded', '×', '≈ 1'),
    row('hold and place : plain task, alone, one at a time', 'accept', '×'),
  ],
  limit:
    'Round trips. A hold and a place in the line are a transaction of its own with five statements; a plain ' +
    'task is one. Requests that come at once share it: see accept.',
});
