import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { defineTask } from '../../../src/tasks/task-definition.js';
import { HandlesTask } from '../../../src/tasks/task-handler.decorator.js';
import type { ClaimedTask } from '../../../src/tasks/ledger-rows.js';
import { openTaskLab } from '../../support/task-lab.js';

const leased = defineTask({
  name: 'leased',
  queue: 'low_priority',
  payload: z.null(),
  result: z.null(),
});

@Injectable()
class Handlers {
  @HandlesTask(leased)
  async run() {
    return null;
  }
}

it('a row that is locked for long keeps nobody from renewing the other leases', async (t) => {
  const lab = await openTaskLab('postgres', { providers: [Handlers], serve: [] });
  t.after(() => lab.close());
  const claimed: ClaimedTask[] = [];
  for (let i = 0; i < 3; i++) {
    const claim = await lab.ledger.claim(await lab.send(leased, null), 'me');
    assert.equal(claim.kind, 'claimed');
    claimed.push(claim.task);
  }
  const [ending, running, taken] = claimed;
  await lab.database.query('UPDATE tasks SET attempt = 2 WHERE id = $1', [taken!.id]);
  await lab.database.query(`UPDATE tasks SET lease_until = now() WHERE id = $1`, [running!.id]);
  await lab.database.transaction(async (tx) => {
    assert.ok(await lab.ledger.hold(tx, ending!));
    const kept = await lab.ledger.renew(claimed);
    assert.deepEqual(new Set(kept.keys()), new Set([ending!.id, running!.id]));
  });
  const [row] = await lab.database.query(
    'SELECT lease_until > now() AS renewed FROM tasks WHERE id = $1',
    [running!.id],
  );
  assert.equal(row.renewed, true);
});
