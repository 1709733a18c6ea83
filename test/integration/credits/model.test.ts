import { afterAll, beforeAll, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { v7 as uuidv7 } from 'uuid';
import type { ClaimedTask } from '../../../src/tasks/ledger/ledger-rows.js';
import { TaskClient } from '../../../src/tasks/sending/task-client.js';
import { creditBook } from '../../support/credits.js';
import { startDarkroom, type TestDarkroom } from '../../support/darkroom.js';

const start = 12;
const crash = () => {
  throw new Error('crash');
};

type Action =
  'accept' | 'repeat' | 'claim' | 'orphan' | 'deliver' | 'crash' | 'fail' | 'revoke' | 'delete';

interface Step {
  action: Action;
  /** Which of two users, and which of the tasks. */
  pick: number;
  /** Asked for, or delivered. */
  images: number;
}

const step: fc.Arbitrary<Step> = fc.record({
  action: fc.constantFrom<Action>(
    'accept',
    'accept',
    'repeat',
    'claim',
    'orphan',
    'deliver',
    'deliver',
    'crash',
    'fail',
    'revoke',
    'delete',
  ),
  pick: fc.nat(7),
  images: fc.integer({ min: 1, max: 4 }),
});
/** The steps of one round run at the same time. */
const rounds = fc.array(fc.array(step, { minLength: 1, maxLength: 5 }), {
  minLength: 4,
  maxLength: 14,
});

/** What should be true, from what the calls have answered. */
interface ModelTask {
  id: string;
  user: string;
  images: number;
  claims: ClaimedTask[];
  /** What it cost; undefined: it is not over. */
  cost?: number;
}

let darkroom: TestDarkroom;
let book: ReturnType<typeof creditBook>;
beforeAll(async () => {
  darkroom = await startDarkroom('postgres', { workers: false });
  book = creditBook(darkroom.app);
});
afterAll(() => darkroom.close());

class Run {
  readonly tasks: ModelTask[] = [];
  private readonly deleted = new Set<string>();
  constructor(readonly users: string[]) {}

  async round(steps: Step[]): Promise<void> {
    const before = await Promise.all(this.users.map((user) => book.balance(user)));
    // A transaction is repeated at once, and no row is deleted so soon.
    const deletes = steps.some(({ action }) => action === 'delete');
    const taken = steps.filter(({ action }) => !deletes || action !== 'repeat');
    const refused = await Promise.all(taken.map((one) => this.take(one)));
    for (const [i, user] of this.users.entries()) {
      const expected = this.balanceOf(user);
      expect([user, await book.balance(user)]).toEqual([user, expected]);
      // Alone, a request is refused if and only if it cannot be paid for.
      if (steps.length === 1 && steps[0]!.action === 'accept' && steps[0]!.pick % 2 === i) {
        expect(refused[0]).toBe(before[i]! < steps[0]!.images);
      }
    }
  }

  private balanceOf(user: string): number {
    const spent = this.tasks
      .filter((task) => task.user === user)
      .reduce((sum, task) => sum + (task.cost ?? task.images), 0);
    return start - spent;
  }

  /** @returns whether a request was refused */
  private async take({ action, pick, images }: Step): Promise<boolean> {
    if (action === 'accept') return this.accept(this.users[pick % 2]!, images);
    const task = this.tasks[pick % Math.max(1, this.tasks.length)];
    if (task === undefined) return false;
    await this.act(task, action, images);
    return false;
  }

  private async accept(user: string, images: number): Promise<boolean> {
    const id = uuidv7();
    const { refusal } = await book.accept(user, images, id);
    if (refusal === undefined) this.tasks.push({ id, user, images, claims: [] });
    return refusal !== undefined;
  }

  private async act(
    task: ModelTask,
    action: Exclude<Action, 'accept'>,
    images: number,
  ): Promise<void> {
    // A worker that has lost the task acts as well.
    const claimed = task.claims.at(images % 2 === 0 ? 0 : -1);
    switch (action) {
      case 'repeat':
        // The answer was lost, and the same transaction runs again: paid for before, and perhaps over.
        if (!this.deleted.has(task.id)) await book.accept(task.user, task.images, task.id);
        return;
      case 'claim':
        await book
          .claim(task.id)
          .then((got) => task.claims.push(got))
          .catch(() => {});
        return;
      case 'orphan':
        await darkroom.database.query(
          `UPDATE tasks SET lease_until = now() - interval '1 s', crashes = 0
            WHERE id = $1 AND state = 'STARTED'`,
          [task.id],
        );
        return;
      case 'deliver':
        if (claimed && (await book.deliver(claimed, images)) === 'SUCCESS') {
          this.ends(task, Math.min(images, task.images));
        }
        return;
      case 'crash':
        if (claimed) await book.deliver(claimed, images, crash).catch(() => {});
        return;
      case 'fail':
        if (claimed && (await book.fail(claimed)) === 'FAILURE') this.ends(task, 0);
        return;
      case 'revoke': {
        const [revoked] = await darkroom.app.get(TaskClient).revoke(task.id);
        if (revoked!.outcome === 'revoked') this.ends(task, 0);
        return;
      }
      case 'delete': {
        this.deleted.add(task.id);
        const [row] = await darkroom.database.query(
          `WITH gone AS (DELETE FROM tasks WHERE id = $1 RETURNING finished_at)
           SELECT finished_at IS NULL AS open FROM gone`,
          [task.id],
        );
        if (row?.open === true) this.ends(task, 0);
      }
    }
  }

  private ends(task: ModelTask, cost: number): void {
    expect([task.id, task.cost]).toEqual([task.id, undefined]);
    task.cost = cost;
  }
}

it('whatever happens in whatever order, the ledger is right and nobody pays twice', async () => {
  const runs = Number(process.env['DARKROOM_TEST_LEDGER_RUNS'] ?? 40);
  await fc.assert(
    fc.asyncProperty(rounds, async (all) => {
      const run = new Run([await book.user(start), await book.user(start)]);
      for (const steps of all) await run.round(steps);
      await book.isRight();
    }),
    { numRuns: runs },
  );
});
