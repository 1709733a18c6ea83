import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { Json } from '../../common/json.js';
import {
  inTransaction,
  rows,
  type Transaction,
} from '../../infrastructure/database/transaction.js';
import { lockCanvas } from '../canvas/canvas-lock.js';
import { CanvasProgress } from '../canvas/canvas-progress.js';
import { mayBeJoined } from '../canvas/once-nodes.js';
import type { TaskFailure } from '../definitions/task-errors.js';
import type { FinalState } from '../definitions/task-state.js';
import { TaskEvents } from '../events/task-events.js';
import type { ClaimedTask, Ended } from '../ledger/ledger-rows.js';
import type { Overdue } from '../ledger/overdue.js';
import { TaskTransitions } from '../ledger/task-transitions.js';

/**
 * Ends tasks. One transaction writes the rows of the task's feature, its final state, the next step of its canvas
 * and its callbacks.
 *
 * Each method returns undefined when the attempt has lost the task. Then nothing has changed.
 */
@Injectable()
export class TaskEndings {
  constructor(
    private readonly database: DataSource,
    private readonly transitions: TaskTransitions,
    private readonly canvas: CanvasProgress,
    private readonly events: TaskEvents,
  ) {}

  /** Ends a task as SUCCESS, with a result and no rows. @param resultExpiresMs as in the definition */
  async succeed(task: ClaimedTask, result: Json, resultExpiresMs: number | null) {
    if (hasFollowers(task)) {
      const end = (tx: Transaction) => this.transitions.succeed(task, result, resultExpiresMs, tx);
      return this.told(await this.together(task.canvasId, end));
    }
    return this.told(await this.transitions.succeed(task, result, resultExpiresMs));
  }

  /** Ends a task as SUCCESS, with rows. @param write stores the feature's rows and returns the result; it may run more than once */
  async succeedWith(
    task: ClaimedTask,
    write: (tx: Transaction) => Promise<Json>,
    resultExpiresMs: number | null,
  ) {
    const ended = await this.together(task.canvasId, async (tx) => {
      if (!(await this.transitions.hold(tx, task))) return undefined;
      return this.transitions.succeed(task, await write(tx), resultExpiresMs, tx);
    });
    return this.told(ended);
  }

  /** Ends a task as FAILURE. */
  async fail(task: ClaimedTask, error: TaskFailure) {
    if (hasFollowers(task)) {
      const end = (tx: Transaction) => this.transitions.fail(task, error, tx);
      return this.told(await this.together(task.canvasId, end));
    }
    return this.told(await this.transitions.fail(task, error));
  }

  /** Ends a task as REVOKED, after its attempt has stopped because somebody revoked the task. */
  async confirmRevoked(task: ClaimedTask) {
    const end = (tx: Transaction) => this.transitions.confirmRevoked(task, tx);
    return this.told(await this.together(task.canvasId, end));
  }

  /** Ends a task that is not running and must not run any more. */
  async settle(id: string, because: Overdue) {
    const [task] = await rows<{ canvasId: string | null }>(
      this.database,
      `SELECT canvas_id AS "canvasId" FROM tasks WHERE id = $1`,
      [id],
    );
    const ended = await this.together(task?.canvasId ?? null, (tx) =>
      this.transitions.settle(id, because, tx),
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
    if (ended) this.events.finished(ended);
    return ended?.state;
  }
}

/** Whether something may follow from the task's end. If not, it ends with a single statement. */
function hasFollowers({ canvasId, name }: ClaimedTask): boolean {
  return canvasId !== null || mayBeJoined(name);
}
