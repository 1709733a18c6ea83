import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { afterCommit } from '../../infrastructure/database/after-commit.js';
import { inTransaction, type Transaction } from '../../infrastructure/database/transaction.js';
import { CanvasProgress } from '../canvas/canvas-progress.js';
import { rowsOfCanvas, type Sender } from '../canvas/canvas-rows.js';
import { definitionOf, type TaskDefinition } from '../definitions/task-definition.js';
import { LiveEvents } from '../events/live-events.js';
import { Dispatcher } from '../hints/dispatcher.js';
import type { PlannedNode } from '../ledger/planned-node.js';
import { TaskInserts, type NewTask } from '../ledger/task-inserts.js';
import { limitKey } from '../limits/limit-key.js';
import { OnceKeys } from '../limits/once-keys.js';

/** The id of the first row of a send, and what is the same in all of its rows. */
export interface Sent extends Sender {
  id: string;
}

/** Writes new tasks into the ledger, and hands them to the queue after the commit. */
@Injectable()
export class TaskStore {
  constructor(
    private readonly database: DataSource,
    private readonly inserts: TaskInserts,
    private readonly canvas: CanvasProgress,
    private readonly dispatcher: Dispatcher,
    private readonly onceKeys: OnceKeys,
    private readonly live: LiveEvents,
  ) {}

  /**
   * Stores a plain task in the caller's transaction. Without a transaction it shares a commit with other tasks.
   *
   * @returns the id of the task; with `once`, of the open task that has the key
   * @throws InvalidPayloadError when the key of `once` cannot be stored
   */
  async storeTask(tx: Transaction, definition: TaskDefinition, task: NewTask): Promise<string> {
    if (!definition.once) {
      await this.insert(tx, task);
      return task.id;
    }
    const key = limitKey(definition, definition.once, task.payload);
    return joined(this.database, tx, async (own) => {
      const holder = await this.onceKeys.claim(own, definition, key, task.id);
      if (holder === task.id) await this.insert(own, task);
      return holder;
    });
  }

  /** Stores plain tasks of one definition in the caller's transaction. @returns as {@link storeTask}, in order */
  async storeTasks(
    tx: Transaction,
    definition: TaskDefinition,
    tasks: NewTask[],
  ): Promise<string[]> {
    if (definition.once) {
      const ids: string[] = [];
      for (const task of tasks) ids.push(await this.storeTask(tx, definition, task));
      return ids;
    }
    await this.inserts.insertAll(tx, tasks);
    for (const task of tasks) this.announce(tx, task);
    return tasks.map((task) => task.id);
  }

  /**
   * Stores a canvas in the caller's transaction, or in one of its own.
   *
   * @returns the id of the root. If the root is one task with `once` and an open task has the key: the id of that.
   * @throws InvalidPayloadError when the key of `once` cannot be stored
   */
  async storeCanvas(tx: Transaction, plan: PlannedNode, sent: Sent): Promise<string> {
    const { id, ...sender } = sent;
    if (plan.children.length > 0 || (plan.kind !== 'task' && plan.kind !== 'map')) {
      await joined(this.database, tx, (own) => this.canvas.store(own, plan, id, sender));
      return id;
    }
    const [row] = rowsOfCanvas(plan, id, sender).rows;
    if (plan.kind === 'task') return this.storeTask(tx, definitionOf(plan.name)!, row!);
    await this.insert(tx, row!);
    return id;
  }

  private async insert(tx: Transaction, task: NewTask): Promise<void> {
    await this.inserts.insert(tx, task);
    this.announce(tx, task);
  }

  private announce(tx: Transaction, task: NewTask): void {
    const { id, name, queue, priority, runAt } = task;
    const delayMs = runAt === null ? task.delayMs : Date.parse(runAt) - Date.now();
    afterCommit(tx, () => {
      const hint = { taskId: id, name, queue, priority, delayMs };
      this.dispatcher.dispatch(hint);
      this.live.emit({ type: 'task-sent', ...hint });
    });
  }
}

/** Runs `work` in the caller's transaction, or in a new one when the caller has none. */
async function joined<T>(
  database: DataSource,
  tx: Transaction,
  work: (tx: Transaction) => Promise<T>,
): Promise<T> {
  return tx.queryRunner?.isTransactionActive ? work(tx) : inTransaction(database, work);
}
