import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import type { Transaction } from '../infrastructure/database/transaction.js';
import type { Canvas, GroupCanvas, NodeOptions } from './canvas/canvas.js';
import { planCanvas } from './canvas/canvas-plan.js';
import { si } from './canvas/signatures.js';
import type { PayloadInput, Result, TaskDefinition } from './task-definition.js';
import type { TaskErrorReport } from './task-errors.js';
import type { GroupResult, TaskResult } from './task-result.js';
import { TaskResults } from './task-results.js';
import { TaskRevocations, type RevokeOptions, type Revoked } from './task-revocations.js';
import { TaskStore } from './task-store.js';

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
    private readonly tasks: TaskStore,
    private readonly results: TaskResults,
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
        ? await this.tasks.store(tx, plan, sending)
        : await this.tasks.storeOnce(tx, definition, plan, sending);
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
    await this.tasks.store(tx, plan, {
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
}
