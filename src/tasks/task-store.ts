import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { afterCommit } from '../infrastructure/database/after-commit.js';
import { inTransaction, type Transaction } from '../infrastructure/database/transaction.js';
import type { PlannedNode } from './canvas/canvas-plan.js';
import { CanvasProgress } from './canvas/canvas-progress.js';
import { rowsOfCanvas } from './canvas/canvas-rows.js';
import { Dispatcher } from './dispatcher.js';
import { LiveEvents } from './events/live-events.js';
import { OnceKeys } from './limits/once-keys.js';
import type { TaskDefinition } from './task-definition.js';
import { TaskInserts } from './task-inserts.js';

/** What a send decides for all of its rows, and the id of the first. */
export interface Sent {
  id: string;
  ownerId: string | null;
  correlationId: string | null;
}

/** Planned tasks into the ledger, and after the commit on their way. */
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
   * Joins the caller's transaction. One task outside of any shares its commit with others.
   *
   * @returns the id of its root
   */
  async store(tx: Transaction, plan: PlannedNode, sending: Sent): Promise<string> {
    const { id, ...sender } = sending;
    const { rows } = plan.children.length === 0 ? rowsOfCanvas(plan, id, sender) : { rows: [] };
    const [only] = rows;
    if (only === undefined || only.blocked) {
      await joined(this.database, tx, (own) => this.canvas.store(own, plan, id, sender));
      return id;
    }
    await this.inserts.insert(tx, only);
    const { name, queue, priority, runAt } = only;
    const delayMs = runAt === null ? only.delayMs : Date.parse(runAt) - Date.now();
    afterCommit(tx, () => {
      const hint = { taskId: id, name, queue, priority, delayMs };
      this.dispatcher.dispatch(hint);
      this.live.emit({ type: 'task-sent', ...hint });
    });
    return id;
  }

  /** The same for a definition with `once`. @returns the id of the task that has the key */
  async storeOnce(
    tx: Transaction,
    definition: TaskDefinition,
    plan: PlannedNode,
    sending: Sent,
  ): Promise<string> {
    return joined(this.database, tx, async (own) => {
      const holder = await this.onceKeys.claim(own, definition, plan.payload, sending.id);
      if (holder !== sending.id) return holder;
      return this.store(own, plan, sending);
    });
  }
}

/** In the caller's transaction; in one of its own when the caller has none. */
async function joined<T>(
  database: DataSource,
  tx: Transaction,
  work: (tx: Transaction) => Promise<T>,
): Promise<T> {
  return tx.queryRunner?.isTransactionActive ? work(tx) : inTransaction(database, work);
}
