import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { afterCommit } from '../infrastructure/database/after-commit.js';
import { inTransaction, type Transaction } from '../infrastructure/database/transaction.js';
import { Canvas, type GroupCanvas, type NodeOptions } from './canvas/canvas.js';
import { planCanvas, type PlannedNode } from './canvas/canvas-plan.js';
import { CanvasProgress } from './canvas/canvas-progress.js';
import { rowsOfCanvas } from './canvas/canvas-rows.js';
import { si } from './canvas/signatures.js';
import { Dispatcher } from './dispatcher.js';
import { OnceKeys } from './limits/once-keys.js';
import type { PayloadInput, Result, TaskDefinition } from './task-definition.js';
import type { TaskErrorReport } from './task-errors.js';
import { TaskInserts } from './task-inserts.js';
import { GroupResult, TaskResult } from './task-result.js';
import { TaskResults } from './task-results.js';
import { TaskRevocations, type RevokeOptions, type Revoked } from './task-revocations.js';

/** What belongs to a send, of one task or of a whole canvas. */
export interface Sending {
  /** A version 7 UUID made by the sender, who may repeat with it; one is made otherwise. */
  id?: string;
  /** User that all its tasks belong to. */
  ownerId?: string;
  correlationId?: string;
}

/** Celery's `apply_async`, for one task. */
export interface SendOptions<R = unknown> extends Sending, NodeOptions {
  /** Sent with the result, when the task has SUCCESS. */
  link?: Canvas<R, unknown>;
  /** Sent with the error, when the task is FAILURE for good. */
  linkError?: Canvas<TaskErrorReport, unknown>;
}

/** The one way in: nobody else makes tasks. */
@Injectable()
export class TaskClient {
  constructor(
    private readonly database: DataSource,
    private readonly inserts: TaskInserts,
    private readonly canvas: CanvasProgress,
    private readonly dispatcher: Dispatcher,
    private readonly results: TaskResults,
    private readonly onceKeys: OnceKeys,
    private readonly revocations: TaskRevocations,
  ) {}

  /**
   * Stores a task in the caller's transaction. It is handed to the queue when that commits, and
   * never existed when it rolls back. With a manager outside any transaction it is stored at once.
   *
   * A definition with `once` whose key is taken by an open task stores nothing; the handle is then
   * that task's.
   *
   * @returns the handle of the task; its `id` is what to keep
   * @throws InvalidPayloadError, RangeError before anything is stored
   */
  async send<D extends TaskDefinition>(
    tx: Transaction,
    definition: D,
    payload: PayloadInput<D>,
    options: SendOptions<Result<D>> = {},
  ): Promise<TaskResult<Result<D>>> {
    const { id = uuidv7(), ownerId, correlationId, link, linkError, ...own } = options;
    let signature: Canvas<unknown, Result<D>> = si(definition, payload).set(own);
    if (link) signature = signature.link(link);
    if (linkError) signature = signature.linkError(linkError);
    const plan = planCanvas(signature.node);
    const sending = { id, ownerId: ownerId ?? null, correlationId: correlationId ?? null };
    const stored =
      definition.once === null
        ? await this.store(tx, plan, sending)
        : await this.storeOnce(tx, definition, plan, sending);
    return this.results.of(stored, definition);
  }

  /**
   * Stores a canvas, all of it or nothing, as {@link send} does a task.
   *
   * @returns the handle of its root: of the last step of a chain, of the body of a chord, of all
   *   parts of a group
   * @throws InvalidPayloadError, RangeError before anything is stored
   */
  async sendCanvas<const O extends readonly unknown[]>(
    tx: Transaction,
    canvas: GroupCanvas<undefined, O>,
    sending?: Sending,
  ): Promise<GroupResult<O>>;
  async sendCanvas<O>(
    tx: Transaction,
    canvas: Canvas<undefined, O>,
    sending?: Sending,
  ): Promise<TaskResult<O>>;
  async sendCanvas(
    tx: Transaction,
    canvas: Canvas<undefined, unknown>,
    { id = uuidv7(), ownerId, correlationId }: Sending = {},
  ): Promise<TaskResult> {
    const plan = planCanvas(canvas.node);
    await this.store(tx, plan, {
      id,
      ownerId: ownerId ?? null,
      correlationId: correlationId ?? null,
    });
    return canvas.node.kind === 'group' ? this.results.group(id) : this.results.of(id);
  }

  /** The handle of a task that was sent before: typed with its definition, unchecked without. */
  result<D extends TaskDefinition>(id: string, definition: D): TaskResult<Result<D>>;
  result(id: string): TaskResult;
  result(id: string, definition?: TaskDefinition): TaskResult {
    return definition ? this.results.of(id, definition) : this.results.of(id);
  }

  /** The handle of a group that was sent before. */
  groupResult(id: string): GroupResult<unknown[]> {
    return this.results.group(id);
  }

  /** {@inheritDoc TaskRevocations.revoke} */
  async revoke(ids: string | string[], options?: RevokeOptions): Promise<Revoked[]> {
    return this.revocations.revoke([ids].flat(), options);
  }

  private async store(tx: Transaction, plan: PlannedNode, sending: Sent): Promise<string> {
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
    afterCommit(tx, () => this.dispatcher.dispatch({ taskId: id, name, queue, priority, delayMs }));
    return id;
  }

  private async storeOnce(
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

interface Sent {
  id: string;
  ownerId: string | null;
  correlationId: string | null;
}

/** In the caller's transaction; in one of its own when the caller has none. */
async function joined<T>(
  database: DataSource,
  tx: Transaction,
  work: (tx: Transaction) => Promise<T>,
): Promise<T> {
  return tx.queryRunner?.isTransactionActive ? work(tx) : inTransaction(database, work);
}
