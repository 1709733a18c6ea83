import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { Json } from '../common/json.js';
import { inTransaction, rows, type Transaction } from '../infrastructure/database/transaction.js';
import { CanvasProgress, lockCanvas } from './canvas/canvas-progress.js';
import type { TaskFailure } from './task-errors.js';
import { TaskEvents } from './task-events.js';
import type { ClaimedTask, Ended } from './ledger-rows.js';
import { TaskLedger } from './task-ledger.js';
import type { FinalState } from './task-state.js';

/**
 * The end of a task and what follows from it, in one transaction: the rows of its feature, its final
 * state, the next step of its canvas, its callbacks.
 *
 * Each answers undefined when the attempt had lost the task, and then changed nothing.
 */
@Injectable()
export class TaskEndings {
  constructor(
    private readonly database: DataSource,
    private readonly ledger: TaskLedger,
    private readonly canvas: CanvasProgress,
    private readonly events: TaskEvents,
  ) {}

  /** A result without rows of its own. @param resultExpiresMs as the definition's */
  async succeed(task: ClaimedTask, result: Json, resultExpiresMs: number | null) {
    if (task.canvasId !== null) {
      const end = (tx: Transaction) => this.ledger.succeed(task, result, resultExpiresMs, tx);
      return this.told(await this.together(task.canvasId, end));
    }
    return this.told(await this.ledger.succeed(task, result, resultExpiresMs));
  }

  /** @param write makes the feature's rows and gives the result; may run more than once */
  async succeedWith(
    task: ClaimedTask,
    write: (tx: Transaction) => Promise<Json>,
    resultExpiresMs: number | null,
  ) {
    const ended = await this.together(task.canvasId, async (tx) => {
      if (!(await this.ledger.hold(tx, task))) return undefined;
      return this.ledger.succeed(task, await write(tx), resultExpiresMs, tx);
    });
    return this.told(ended);
  }

  async fail(task: ClaimedTask, error: TaskFailure) {
    if (task.canvasId !== null) {
      const end = (tx: Transaction) => this.ledger.fail(task, error, tx);
      return this.told(await this.together(task.canvasId, end));
    }
    return this.told(await this.ledger.fail(task, error));
  }

  /** The attempt has stopped because somebody revoked the task. */
  async confirmRevoked(task: ClaimedTask) {
    const end = (tx: Transaction) => this.ledger.confirmRevoked(task, tx);
    return this.told(await this.together(task.canvasId, end));
  }

  /** Ends a task that nobody runs and nobody may run any more. */
  async settle(id: string, because: 'expired' | 'revoked' | 'poisoned') {
    const [task] = await rows<{ canvasId: string | null }>(
      this.database,
      `SELECT canvas_id AS "canvasId" FROM tasks WHERE id = $1`,
      [id],
    );
    const ended = await this.together(task?.canvasId ?? null, (tx) =>
      this.ledger.settle(id, because, tx),
    );
    if (ended) this.events.endedUnrun(ended);
    return ended?.state;
  }

  private async together(
    canvasId: string | null,
    end: (tx: Transaction) => Promise<Ended | undefined>,
  ): Promise<Ended | undefined> {
    return inTransaction(this.database, async (tx) => {
      if (canvasId !== null) await lockCanvas(tx, canvasId, 'shared');
      const ended = await end(tx);
      if (ended) await this.canvas.ended(tx, ended);
      return ended;
    });
  }

  private told(ended: Ended | undefined): FinalState | undefined {
    if (ended) this.events.finished(ended.id, ended.state);
    return ended?.state;
  }
}
