import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { isStorable } from '../../common/storable-text.js';
import type { Transaction } from '../../infrastructure/database/transaction.js';
import { planCanvas } from '../canvas/canvas-plan.js';
import type { Canvas, CanvasNode, GroupCanvas } from '../canvas/canvas.js';
import { si } from '../canvas/signatures.js';
import type { SentOptions } from '../definitions/sent-options.js';
import {
  definitionOf,
  type PayloadInput,
  type Result,
  type TaskDefinition,
} from '../definitions/task-definition.js';
import type { TaskErrorReport } from '../definitions/task-errors.js';
import { OwnerMissingError } from '../definitions/task-payload.js';
import { TaskRevocations, type RevokeOptions, type Revoked } from '../ending/task-revocations.js';
import type { PlannedNode } from '../ledger/planned-node.js';
import type { GroupResult, TaskResult } from '../results/task-result.js';
import { TaskResults } from '../results/task-results.js';
import { plainTask } from './plain-task.js';
import { TaskStore, type Sent } from './task-store.js';

/** Options of a send, of one task or of a whole canvas. */
export interface Sending {
  /**
   * Id of the task: a version 7 UUID. A sender that makes it can repeat the send after a lost answer without
   * storing a second task. Default: a new one.
   */
  id?: string;
  /** Id of the user that the tasks belong to. */
  ownerId?: string;
  /**
   * Its tasks that have a fair share start only while fewer of the owner's tasks of that name are running: 1 or more.
   * Default: no limit.
   */
  ownerLimit?: number;
  /** Any text that links the tasks to a request, for logs. */
  correlationId?: string;
  /**
   * Id of a task, usually the one whose handler sends this one, that waits for its end: it throws a `Snooze`, and runs
   * again as soon as this task is over. Who revokes the waiting task revokes this one too.
   */
  waiterId?: string;
}

/** Options of a send of one task, as for Celery's `apply_async`. */
export interface SendOptions<R = unknown> extends Sending, SentOptions {
  /** Sent with the result when the task is SUCCESS. */
  link?: Canvas<R, unknown>;
  /** Sent with the error when the task is FAILURE. */
  linkError?: Canvas<TaskErrorReport, unknown>;
}

/** One of the tasks of {@link TaskClient.sendMany}. */
export interface ManySend<D extends TaskDefinition> {
  payload: PayloadInput<D>;
  options?: Sending & SentOptions;
}

/** Sends tasks and canvases. There is no other way to make a task. */
@Injectable()
export class TaskClient {
  constructor(
    private readonly tasks: TaskStore,
    private readonly results: TaskResults,
    private readonly revocations: TaskRevocations,
  ) {}

  /**
   * Stores a task in the caller's transaction. After the commit it is handed to its queue; after a rollback it
   * has never existed. With a manager that is in no transaction the task is stored at once.
   *
   * If the definition has `once` and an open task has the key, nothing is stored and the handle is that of the
   * open task.
   *
   * @returns the handle of the task. Keep its `id` to find the task later.
   * @throws InvalidPayloadError, OwnerMissingError, RangeError before anything is stored
   */
  async send<D extends TaskDefinition>(
    tx: Transaction,
    definition: D,
    payload: PayloadInput<D>,
    options: SendOptions<Result<D>> = {},
  ): Promise<TaskResult<Result<D>>> {
    const { link, linkError, ...rest } = options;
    const [sending, own] = parted(rest);
    const sent = sentBy(sending);
    if (!link && !linkError) {
      const task = plainTask(definition, payload, own, sent);
      return this.results.of(await this.tasks.storeTask(tx, definition, task), definition);
    }
    let signature: Canvas<unknown, Result<D>> = si(definition, payload).set(own);
    if (link) signature = signature.link(link);
    if (linkError) signature = signature.linkError(linkError);
    return this.results.of(await this.storeCanvas(tx, signature.node, sent), definition);
  }

  /**
   * Stores many tasks of one definition, all of them or none, as {@link send} stores one, with one statement.
   *
   * @returns their handles, in order
   * @throws InvalidPayloadError, OwnerMissingError, RangeError before anything is stored
   */
  async sendMany<D extends TaskDefinition>(
    tx: Transaction,
    definition: D,
    sends: ManySend<D>[],
  ): Promise<TaskResult<Result<D>>[]> {
    const tasks = sends.map(({ payload, options = {} }) => {
      const [sending, own] = parted(options);
      return plainTask(definition, payload, own, sentBy(sending));
    });
    if (tasks.length === 0) return [];
    const ids = await this.tasks.storeTasks(tx, definition, tasks);
    return ids.map((id) => this.results.of(id, definition));
  }

  /**
   * Stores a canvas (a chain, group or chord of tasks), all of it or nothing, as {@link send} stores a task. A
   * node whose definition has `once` and whose key is taken when its turn comes does not run: it ends as the task
   * that has the key.
   *
   * @returns the handle of its root. The result is that of the last step of a chain, of the body of a chord, or
   *   the results of all parts of a group.
   * @throws InvalidPayloadError, OwnerMissingError, RangeError before anything is stored
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
    sending: Sending = {},
  ): Promise<TaskResult> {
    const stored = await this.storeCanvas(tx, canvas.node, sentBy(sending));
    return canvas.node.kind === 'group' ? this.results.group(stored) : this.results.of(stored);
  }

  private storeCanvas(tx: Transaction, node: CanvasNode, sent: Sent): Promise<string> {
    const plan = planCanvas(node);
    if (sent.ownerId === null) refuseOwned(plan);
    return this.tasks.storeCanvas(tx, plan, sent);
  }

  /** The handle of a task that was sent earlier. With the definition its result is parsed and typed. */
  result<D extends TaskDefinition>(id: string, definition: D): TaskResult<Result<D>>;
  result(id: string): TaskResult;
  result(id: string, definition?: TaskDefinition): TaskResult {
    return definition ? this.results.of(id, definition) : this.results.of(id);
  }

  /** The handle of a group that was sent earlier. */
  groupResult(id: string): GroupResult<unknown[]> {
    return this.results.group(id);
  }

  /** {@inheritDoc TaskRevocations.revoke} */
  async revoke(ids: string | string[], options?: RevokeOptions): Promise<Revoked[]> {
    return this.revocations.revoke([ids].flat(), options);
  }
}

/** What concerns the sender, and what the task. */
function parted(options: Sending & SentOptions): [Sending, SentOptions] {
  const { id, ownerId, ownerLimit, correlationId, waiterId, ...own } = options;
  return [{ id, ownerId, ownerLimit, correlationId, waiterId }, own];
}

/** @throws RangeError */
function sentBy({ id = uuidv7(), ownerId, ownerLimit, correlationId, waiterId }: Sending): Sent {
  if (ownerLimit !== undefined && (!Number.isInteger(ownerLimit) || ownerLimit < 1)) {
    throw new RangeError(`ownerLimit must be a whole number above 0, but is ${ownerLimit}.`);
  }
  if (correlationId !== undefined && !isStorable(correlationId)) {
    throw new RangeError('correlationId holds a NUL or a broken character.');
  }
  return {
    id,
    ownerId: ownerId ?? null,
    ownerLimit: ownerLimit ?? null,
    correlationId: correlationId ?? null,
    waiterId: waiterId ?? null,
  };
}

/** @throws OwnerMissingError */
function refuseOwned({ name, children, callbacks }: PlannedNode): void {
  if (definitionOf(name)?.needsOwner) throw new OwnerMissingError(name);
  for (const child of children) refuseOwned(child);
  for (const node of [...(callbacks?.success ?? []), ...(callbacks?.failure ?? [])]) {
    refuseOwned(node);
  }
}
