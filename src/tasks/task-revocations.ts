import { Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { validate as isUuid } from 'uuid';
import { waitAtMost } from '../common/deadline.js';
import { messageOf } from '../common/message-of.js';
import { afterCommit } from '../infrastructure/database/after-commit.js';
import { inTransaction, rows, type Transaction } from '../infrastructure/database/transaction.js';
import { MessageBus } from '../infrastructure/queue/message-bus.js';
import { CanvasProgress, lockCanvas } from './canvas/canvas-progress.js';
import { revokedFailure, type RevokeRequest, type TaskFailure } from './task-errors.js';
import { TaskEvents } from './task-events.js';
import { endedColumns, type Ended } from './ledger-rows.js';
import type { TaskState } from './task-state.js';

export interface RevokeOptions extends Partial<RevokeRequest> {
  /** What the tasks' error says; default: `revoked`. */
  failure?: TaskFailure;
}

/** What became of one id. */
export interface Revoked {
  id: string;
  /**
   * `revoked`: it had not started, and never will. `stopping`: it runs; its worker was told, and its
   * state will be REVOKED. `finished`: it was over already, see `state`. `unknown`: no such task.
   */
  outcome: 'revoked' | 'stopping' | 'finished' | 'unknown';
  /** Of the ledger, now. */
  state: TaskState | null;
}

/** Topic of {@link RevokedTask}s, for the workers that run them. */
export const revokedTopic = 'tasks.revoked';
export interface RevokedTask {
  taskId: string;
  request: RevokeRequest;
}

const defaults: RevokeRequest = { terminate: false, signal: 'SIGTERM', graceMs: 2_000 };
/** Longest wait for the store. Milliseconds. */
const tellMs = 1_000;
/** Told in one message. */
const batchSize = 500;

/**
 * Stops tasks and canvases for good. The row is what counts: it survives restarts, keeps a waiting
 * task from ever being claimed, and makes a running one unable to succeed.
 *
 * Failure window: the message to the worker may be lost. Remedy: the worker finds the row when it
 * next renews its lease, within a third of that.
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
   * Revokes tasks, or whole parts of canvases: a chain, group or chord is revoked with everything in
   * it that is not over. Doing so again changes nothing.
   *
   * @returns what became of each id, in order
   */
  async revoke(ids: string[], options: RevokeOptions = {}): Promise<Revoked[]> {
    const { failure = revokedFailure, ...asked } = options;
    const request = { ...defaults, ...asked };
    // Anything else names no task, and Postgres would refuse the whole list.
    const valid = ids.filter((id) => isUuid(id));
    const { parts, states } = await inTransaction(this.database, async (tx) => {
      await lockCanvasesOf(tx, valid);
      const parts = await openParts(tx, valid);
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
      // Where what is above it is over as well, nothing follows.
      const follows = node.parentId === null || !over.has(node.parentId);
      if (follows) await this.canvas.ended(tx, node);
    }
  }

  /** Does not wait for a store that is away: the rows are there. */
  private async tell(tasks: RevokedTask[]): Promise<void> {
    await waitAtMost(tellMs, this.publish(tasks));
  }

  private async publish(tasks: RevokedTask[]): Promise<void> {
    try {
      for (let i = 0; i < tasks.length; i += batchSize) {
        await this.bus.publish(revokedTopic, tasks.slice(i, i + batchSize));
      }
    } catch (error) {
      this.log.debug(`Workers find it at their next look: ${messageOf(error)}`);
    }
  }
}

/** A node below one of the ids, or that itself, which is not over. */
interface Part {
  /** The id that was asked for. */
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
