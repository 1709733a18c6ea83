import { Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { validate as isUuid } from 'uuid';
import { waitAtMost } from '../../common/deadline.js';
import { messageOf } from '../../common/message-of.js';
import { afterCommit } from '../../infrastructure/database/after-commit.js';
import {
  inTransaction,
  rows,
  type Transaction,
} from '../../infrastructure/database/transaction.js';
import { MessageBus } from '../../infrastructure/queue/message-bus.js';
import { lockCanvas } from '../canvas/canvas-lock.js';
import { CanvasProgress } from '../canvas/canvas-progress.js';
import {
  revokedFailure,
  type RevokeRequest,
  type TaskFailure,
} from '../definitions/task-errors.js';
import type { TaskState } from '../definitions/task-state.js';
import { TaskEvents } from '../events/task-events.js';
import { endedColumns, type Ended } from '../ledger/ledger-rows.js';

export interface RevokeOptions extends Partial<RevokeRequest> {
  /** The error of the revoked tasks. Default: code `revoked`. */
  failure?: TaskFailure;
}

/** What happened to one id. */
export interface Revoked {
  id: string;
  /**
   * `revoked`: the task had not started and never will. `stopping`: it is running; its worker was told, and it
   * will become REVOKED. `finished`: it was over already, see `state`. `unknown`: there is no such task.
   */
  outcome: 'revoked' | 'stopping' | 'finished' | 'unknown';
  /** The task's state after the call; null: unknown. */
  state: TaskState | null;
}

/** Topic on which the workers that run revoked tasks are told: lists of {@link RevokedTask}. */
export const revokedTopic = 'tasks.revoked';
export interface RevokedTask {
  taskId: string;
  request: RevokeRequest;
}

const defaults: RevokeRequest = { terminate: false, signal: 'SIGTERM', graceMs: 2_000 };
/** Longest wait for the message bus. Milliseconds. */
const tellMs = 1_000;
/** Most tasks in one message. */
const batchSize = 500;

/**
 * Stops tasks and canvases for good. The change of the row is what counts: it survives restarts, a waiting task
 * can no longer be claimed, and a running one can no longer succeed.
 *
 * Failure window: the message to the worker is lost. Remedy: the worker sees the row when it next renews its
 * lease, within a third of the lease's length.
 */
@Injectable()
export class TaskRevocations {
  private readonly log = new Logger('Revocations');

  constructor(
    private readonly database: DataSource,
    private readonly bus: MessageBus,
    private readonly canvas: CanvasProgress,
    private readonly events: TaskEvents,
  ) {}

  /**
   * Revokes tasks, or parts of canvases: a chain, group or chord is revoked together with everything in it that
   * is not over, and every task together with those it waits for. Revoking an id again changes nothing.
   *
   * @returns what happened to each id, in the order of `ids`
   */
  async revoke(ids: string[], options: RevokeOptions = {}): Promise<Revoked[]> {
    const { failure = revokedFailure, ...asked } = options;
    const request = { ...defaults, ...asked };
    // Other strings name no task, and Postgres would refuse the whole list.
    const valid = ids.filter((id) => isUuid(id));
    const { parts, states } = await inTransaction(this.database, async (tx) => {
      const all = [...valid, ...(await awaitedBy(tx, valid))];
      await lockCanvasesOf(tx, all);
      const parts = await openParts(tx, all);
      await this.endWaiting(tx, parts, failure);
      await askRunning(tx, parts, request);
      return { parts, states: await statesOf(tx, valid) };
    });
    await this.tell(parts.filter(isRunning).map(({ id }) => ({ taskId: id, request })));
    const open = new Set(parts.map((part) => part.top));
    const running = new Set(parts.filter(isRunning).map((part) => part.top));
    return ids.map((id) => {
      const state = states.get(id) ?? null;
      return { id, state, outcome: outcomeOf(state, open.has(id), running.has(id)) };
    });
  }

  private async endWaiting(tx: Transaction, parts: Part[], failure: TaskFailure): Promise<void> {
    const waiting = parts.filter((part) => !isRunning(part)).map((part) => part.id);
    const ended = await rows<Ended>(
      tx,
      `UPDATE tasks SET state = 'REVOKED', error = $2, finished_at = now()
        WHERE id = ANY($1) RETURNING ${endedColumns}`,
      [waiting, failure],
    );
    const over = new Set(ended.map((node) => node.id));
    for (const node of ended) {
      afterCommit(tx, () => this.events.endedUnrun(node));
      // If the node above has ended too, nothing else follows in the canvas.
      const follows = node.parentId === null || !over.has(node.parentId);
      if (follows) await this.canvas.ended(tx, node);
      else await this.canvas.endJoined(tx, node);
    }
  }

  /** Tells the workers. Does not wait for long if the store is away: the rows are written. */
  private async tell(tasks: RevokedTask[]): Promise<void> {
    await waitAtMost(tellMs, this.publish(tasks));
  }

  private async publish(tasks: RevokedTask[]): Promise<void> {
    try {
      for (let i = 0; i < tasks.length; i += batchSize) {
        await this.bus.publish(revokedTopic, tasks.slice(i, i + batchSize));
      }
    } catch (error) {
      this.log.debug(`Workers will notice when they renew their leases: ${messageOf(error)}`);
    }
  }
}

/** An open task: one of the given ids, or a node below one of them. */
interface Part {
  /** The given id that it belongs to. */
  top: string;
  id: string;
  state: TaskState;
}

function isRunning({ state }: Part): boolean {
  return state === 'STARTED';
}

function outcomeOf(state: TaskState | null, open: boolean, running: boolean): Revoked['outcome'] {
  if (state === null) return 'unknown';
  if (!open) return 'finished';
  return running ? 'stopping' : 'revoked';
}

/** The open tasks that these tasks, or parts of them, wait for; and those that wait for them in turn. */
async function awaitedBy(tx: Transaction, ids: string[]): Promise<string[]> {
  const found = await rows<{ id: string }>(
    tx,
    `WITH RECURSIVE part (id) AS (
            SELECT unnest($1::uuid[])
      UNION SELECT child.id FROM part CROSS JOIN LATERAL (
              SELECT id FROM tasks WHERE parent_id = part.id AND finished_at IS NULL
              UNION ALL
              SELECT id FROM tasks WHERE waiter_id = part.id AND finished_at IS NULL) child)
     SELECT id FROM tasks JOIN part USING (id) WHERE waiter_id IS NOT NULL AND id <> ALL($1)`,
    [ids],
  );
  return found.map(({ id }) => id);
}

async function lockCanvasesOf(tx: Transaction, ids: string[]): Promise<void> {
  const canvases = await rows<{ id: string }>(
    tx,
    `SELECT DISTINCT canvas_id AS id FROM tasks
      WHERE id = ANY($1) AND canvas_id IS NOT NULL ORDER BY canvas_id`,
    [ids],
  );
  for (const { id } of canvases) await lockCanvas(tx, id, 'exclusive');
}

async function openParts(tx: Transaction, ids: string[]): Promise<Part[]> {
  return rows<Part>(
    tx,
    `WITH RECURSIVE part (top, id) AS (
            SELECT id, id FROM tasks WHERE id = ANY($1) AND finished_at IS NULL
      UNION ALL
            SELECT part.top, child.id FROM part JOIN tasks child ON child.parent_id = part.id)
     SELECT part.top, task.id, task.state FROM part JOIN tasks task ON task.id = part.id
      WHERE task.finished_at IS NULL ORDER BY task.id FOR UPDATE OF task`,
    [ids],
  );
}

async function askRunning(tx: Transaction, parts: Part[], request: RevokeRequest): Promise<void> {
  await tx.query(
    `UPDATE tasks SET revoke_requested = $2, revoke_requested_at = coalesce(revoke_requested_at, now())
      WHERE id = ANY($1)`,
    [parts.filter(isRunning).map((part) => part.id), request],
  );
}

async function statesOf(tx: Transaction, ids: string[]): Promise<Map<string, TaskState>> {
  const tasks = await rows<{ id: string; state: TaskState }>(
    tx,
    `SELECT id, state FROM tasks WHERE id = ANY($1)`,
    [ids],
  );
  return new Map(tasks.map((task) => [task.id, task.state]));
}
