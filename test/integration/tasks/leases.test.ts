import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, it } from '@jest/globals';
import { atTestEnd } from '../../support/at-test-end.js';
import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { rows } from '../../../src/infrastructure/database/transaction.js';
import { defineTask } from '../../../src/tasks/definitions/task-definition.js';
import { HandlesTask } from '../../../src/tasks/definitions/task-handler.decorator.js';
import type { ClaimedTask } from '../../../src/tasks/ledger/ledger-rows.js';
import { LeaseLost } from '../../../src/tasks/definitions/task-errors.js';
import { thisProcess } from '../../../src/tasks/process/process-identity.js';
import { AttemptAbort } from '../../../src/tasks/running/attempt-abort.js';
import { LeaseKeeper } from '../../../src/tasks/workers/lease-keeper.js';
import { Orphans } from '../../../src/tasks/workers/orphans.js';
import { eventually } from '../../support/eventually.js';
import { onBothQueueEngines } from '../../support/on-both-queue-engines.js';
import { openTaskLab } from '../../support/task-lab.js';

const leased = defineTask({
  name: 'leased',
  queue: 'low_priority',
  payload: z.null(),
  result: z.null(),
});

const company = defineTask({
  name: 'company',
  queue: 'normal_priority',
  payload: z.null(),
  result: z.number(),
});

@Injectable()
class Handlers {
  private running = 0;
  readonly finish: (() => void)[] = [];

  /** Tells how many run together at its start. */
  @HandlesTask(company)
  async company() {
    const now = ++this.running;
    await new Promise<void>((resolve) => this.finish.push(resolve));
    this.running -= 1;
    return now;
  }

  @HandlesTask(leased)
  async run() {
    return null;
  }
}

it('a row that is locked for long does not keep the other leases from being renewed', async () => {
  const lab = await openTaskLab('postgres', { providers: [Handlers], serve: [] });
  atTestEnd(() => lab.close());
  const claimed: ClaimedTask[] = [];
  for (let i = 0; i < 3; i++) {
    const claim = await lab.claims.claim(await lab.send(leased, null), 'me');
    assert.ok(claim.kind === 'claimed');
    claimed.push(claim.task);
  }
  const [ending, running, taken] = claimed;
  await lab.database.query('UPDATE tasks SET attempt = 2 WHERE id = $1', [taken!.id]);
  await lab.database.query(`UPDATE tasks SET lease_until = now() WHERE id = $1`, [running!.id]);
  await lab.database.transaction(async (tx) => {
    expect(await lab.transitions.hold(tx, ending!)).toBe(true);
    const kept = await lab.leases.renew(claimed);
    expect(new Set(kept.keys())).toEqual(new Set([ending!.id, running!.id]));
  });
  const [row] = await lab.database.query(
    'SELECT lease_until > now() AS renewed FROM tasks WHERE id = $1',
    [running!.id],
  );
  expect(row.renewed).toBe(true);
});

it('a lease is given up in time when the database hangs without an error', async () => {
  const settings = { leaseMs: 400 };
  const lab = await openTaskLab('postgres', { providers: [Handlers], serve: [], settings });
  atTestEnd(() => lab.close());
  Object.defineProperty(lab.leases, 'renew', { value: () => new Promise(() => {}) });
  const abort = new AttemptAbort();
  const letGo = lab.get(LeaseKeeper).keep({ id: 'any', attempt: 1 }, abort);
  atTestEnd(letGo);
  await eventually('the handler is stopped', () => abort.signal.aborted);
  assert.ok(abort.signal.reason instanceof LeaseLost);
});

onBothQueueEngines('tasks of a former process of this name', (engine) => {
  it('are started again long before their lease is over, if that process has ended', async () => {
    const settings = { leaseMs: 600_000 };
    const former = await openTaskLab(engine, { providers: [Handlers], serve: [], settings });
    const id = await former.send(leased, null);
    expect((await former.claims.claim(id, 'again')).kind).toBe('claimed');
    const [claimed] = await rows<{ lease: string }>(
      former.database,
      'UPDATE tasks SET process = $2 WHERE id = $1 RETURNING lease_until::text AS lease',
      [id, await endedProcess()],
    );
    const worker = await openTaskLab(engine, {
      providers: [Handlers],
      serve: ['low_priority'],
      name: 'again',
      settings,
      stores: former.stores,
    });
    atTestEnd(async () => {
      await worker.close();
      await former.close();
    });
    const task = await worker.finished(id);
    expect([task.state, task.attempt, task.worker]).toEqual(['SUCCESS', 2, 'again']);
    const [row] = await worker.database.query(
      `SELECT started_at < $2::timestamptz - interval '5 minutes' AS soon FROM tasks WHERE id = $1`,
      [id, claimed!.lease],
    );
    expect(row.soon).toBe(true);
  });

  for (const [whose, statement, process] of [
    ['has ended', /^SELECT id, attempt, process/, endedProcess],
    ['has ended', /^UPDATE tasks t SET lease_until/, endedProcess],
    ['may be alive', /^UPDATE tasks t SET lease_until/, async () => 'another host|1|x'],
  ] as const) {
    it(`are taken up although a connection breaks at ${statement.source.slice(1, 7)}: one that ${whose}`, async () => {
      const settings = { leaseMs: 600 };
      const lab = await openTaskLab(engine, { providers: [Handlers], serve: [], settings });
      atTestEnd(() => lab.close());
      const id = await lab.send(leased, null);
      await lab.claims.claim(id, 'again');
      await lab.database.query(
        `UPDATE tasks SET process = $2, lease_until = now() + interval '1 hour' WHERE id = $1`,
        [id, await process()],
      );
      const query = lab.database.query.bind(lab.database);
      let broken = 0;
      lab.database.query = async (sql: string, ...more: never[]) => {
        if (!statement.test(sql) || broken++ > 0) return query(sql, ...more);
        throw Object.assign(new Error('terminating connection'), { code: '57P01' });
      };
      const orphans = lab.get(Orphans);
      await orphans.start('again');
      await eventually('its lease has ended', async () => {
        const [row] = await query('SELECT lease_until < now() AS over FROM tasks WHERE id = $1', [
          id,
        ]);
        return row.over;
      });
      await orphans.stop();
      expect(broken).toBeGreaterThan(0);
    });
  }
});

/** The identity of a process of this host that is no more. */
async function endedProcess(): Promise<string> {
  const child = spawn(process.execPath, ['--version'], { stdio: 'ignore' });
  await once(child, 'exit');
  return `${thisProcess.split('|')[0]}|${child.pid}|x`;
}

it('a task whose process has died three times runs alone in the next one', async () => {
  const handlers = new Handlers();
  const lab = await openTaskLab('postgres', {
    providers: [{ provide: Handlers, useValue: handlers }],
    serve: ['normal_priority'],
    settings: { workerConcurrency: 4 },
  });
  atTestEnd(() => lab.close());
  const endOne = async () => {
    const finish = await eventually('one is at work', () => handlers.finish.shift());
    finish();
  };
  const first = await lab.send(company, null);
  await lab.reaches(first, 'STARTED');
  const suspect = await lab.send(company, null, { delayMs: 60_000 });
  await lab.database.query('UPDATE tasks SET crashes = 3 WHERE id = $1', [suspect]);
  await lab.makeDue(suspect);
  await eventually('its hint has been taken', async () => {
    return (await lab.hints.of('normal_priority').getJobState(suspect)) === 'active';
  });
  expect((await lab.task(suspect)).state).toBe('PENDING');
  await endOne();
  await lab.reaches(suspect, 'STARTED');
  const last = await lab.send(company, null);
  await endOne();
  await endOne();
  for (const id of [first, suspect, last]) expect((await lab.finished(id)).result).toBe(1);
});
