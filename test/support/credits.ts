import { expect } from '@jest/globals';
import type { INestApplicationContext } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { AuthService } from '../../src/features/auth/auth.service.js';
import { CreditCheck } from '../../src/features/credits/credit-check.js';
import { CreditGrants } from '../../src/features/credits/credit-grants.js';
import { CreditHolds, type Admission } from '../../src/features/credits/credit-holds.js';
import { CreditStatements } from '../../src/features/credits/credit-statements.js';
import { generateImageTask } from '../../src/features/image-generation/image-generation.tasks.js';
import { inTransaction, type Transaction } from '../../src/infrastructure/database/transaction.js';
import { TaskEndings } from '../../src/tasks/ending/task-endings.js';
import { TaskClaims } from '../../src/tasks/ledger/task-claims.js';
import type { ClaimedTask } from '../../src/tasks/ledger/ledger-rows.js';
import { TaskClient } from '../../src/tasks/sending/task-client.js';

/** What a test does with credits and the tasks that they pay for, without HTTP and workers. */
export function creditBook(app: Pick<INestApplicationContext, 'get'>) {
  const database = app.get(DataSource);
  const statements = app.get(CreditStatements);
  const grants = app.get(CreditGrants);
  const holds = app.get(CreditHolds);
  const endings = app.get(TaskEndings);
  const send = async (tx: Transaction, id: string, ownerId: string) => {
    await app.get(TaskClient).send(tx, generateImageTask, { prompt: 'x' }, { id, ownerId });
  };
  const book = {
    /** A new user with exactly so many credits. */
    async user(credits: number): Promise<string> {
      const { id } = await app.get(AuthService).createUser(uuidv7(), 'user');
      const { balance } = await statements.account(id);
      if (credits !== balance) await grants.grant(id, { amount: credits - balance });
      return id;
    },
    /** Holds the price of a task and stores it, if it can be paid for. One credit an image. */
    async accept(userId: string, images: number, taskId: string = uuidv7()): Promise<Admission> {
      return inTransaction(database, async (tx) => {
        const [admission] = await holds.hold(tx, [{ taskId, userId, images, perImage: 1 }]);
        if (!admission!.refusal) await send(tx, taskId, userId);
        return admission!;
      });
    },
    /** A task that was accepted. @returns its id */
    async accepted(userId: string, images: number): Promise<string> {
      const id = uuidv7();
      expect((await book.accept(userId, images, id)).refusal).toBe(undefined);
      return id;
    },
    async claim(taskId: string): Promise<ClaimedTask> {
      const claim = await app.get(TaskClaims).claim(taskId, 'a test');
      if (claim.kind !== 'claimed') throw new Error(`${taskId}: ${claim.kind}`);
      return claim.task;
    },
    /** Ends the task as a worker does that has so many of its images. */
    deliver(task: ClaimedTask, images: number, crash: () => void = () => {}) {
      const write = async (tx: Transaction) => {
        await holds.delivered(tx, task.id, images);
        crash();
        return {};
      };
      return endings.succeedWith(task, write, null);
    },
    fail(task: ClaimedTask) {
      return endings.fail(task, { code: 'x', message: 'x', retryable: false });
    },
    async balance(userId: string): Promise<number> {
      return (await statements.account(userId)).balance;
    },
    /** What the ledger says of a task: `hold 4`, `capture 3`, … */
    async entries(taskId: string): Promise<string[]> {
      const found = await database.query(
        `SELECT kind || ' ' || amount AS entry FROM credit_entries WHERE task_id = $1 ORDER BY id`,
        [taskId],
      );
      return found.map(({ entry }: { entry: string }) => entry);
    },
    /** I4 and I5. */
    async isRight(): Promise<void> {
      expect(await app.get(CreditCheck).broken()).toEqual([]);
    },
  };
  return book;
}
