import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { Gathered } from '../../common/gathered.js';
import type { Json } from '../../common/json.js';
import { togetherOrAlone } from '../../infrastructure/database/together-or-alone.js';
import { retried, rows, type Transaction } from '../../infrastructure/database/transaction.js';
import { fairCost } from '../definitions/fair-cost.js';
import type { QueueName } from '../definitions/queues.js';
import { definitionOf, type TaskOverrides } from '../definitions/task-definition.js';
import type { TaskKind } from '../definitions/task-state.js';
import type { FollowUp } from './ledger-rows.js';
import type { PlannedCallbacks } from './planned-node.js';

/** A row that is to be inserted. */
export interface NewTask {
  id: string;
  kind: TaskKind;
  name: string;
  queue: QueueName;
  priority: number;
  payload: Json;
  /** Milliseconds from now, by the database's clock; for a blocked task, from the moment it is unblocked. */
  delayMs: number;
  /** ISO 8601; takes precedence over `delayMs`. */
  runAt: string | null;
  expiresInMs: number | null;
  overrides: TaskOverrides | null;
  canvasId: string | null;
  parentId: string | null;
  position: number | null;
  blocked: boolean;
  openChildren: number | null;
  inputKey: string | null;
  links: PlannedCallbacks | null;
  ownerId: string | null;
  ownerLimit: number | null;
  correlationId: string | null;
  /** The task that waits for the end of this one. */
  waiterId: string | null;
}

const columns = `
  id, kind, name, queue, priority, payload, run_at, expires_at, delay_ms, expires_in_ms,
  overrides, canvas_id, parent_id, position, blocked, open_children, input_key, links,
  owner_id, owner_limit, correlation_id, follow_up, waiter_id, followed`;
const values = `
  id, kind, name, queue, priority, payload::jsonb,
  coalesce("runAt", now() + CASE WHEN blocked THEN 0 ELSE "delayMs" END * interval '1 ms'),
  CASE WHEN NOT blocked THEN now() + "expiresInMs" * interval '1 ms' END,
  "delayMs", "expiresInMs", overrides, "canvasId", "parentId", position, blocked,
  "openChildren", "inputKey", links, "ownerId", "ownerLimit", "correlationId",
  "followUp", "waiterId", followed`;
const fields = `
  id uuid, kind text, name text, queue text, priority smallint, payload text,
  "runAt" timestamptz, "delayMs" float8, "expiresInMs" float8, overrides jsonb,
  "canvasId" uuid, "parentId" uuid, position int, blocked boolean, "openChildren" int,
  "inputKey" text, links jsonb, "ownerId" uuid, "ownerLimit" int,
  "correlationId" text, "followUp" jsonb, "waiterId" uuid,
  followed boolean`;

const insertPlain = `
  INSERT INTO tasks (${columns})
  SELECT ${values} FROM jsonb_to_recordset($1) AS task (${fields})
  ON CONFLICT (id) DO NOTHING RETURNING id`;

/** SQL: rows of the line that \`task\` stands in. */
const sameLine = `
  other.queue = task.queue AND other.name = task.name AND other.priority = task.priority
  AND other.finished_at IS NULL AND other.fair_start IS NOT NULL`;

/**
 * As above, with the places of \`FairShares\`. Of several new tasks of one owner each starts where the one before ends.
 * The line begins at its first task, but not before the one that runs with the latest place: the tasks of an owner who
 * is at the limit stay behind, and nobody who comes later may start from there.
 */
const insertShared = `
  WITH task AS (
    SELECT * FROM jsonb_to_recordset($1) AS task (${fields}, n int, cost float8)),
  line AS (
    SELECT queue, name, priority, "ownerId", greatest(0,
             (SELECT fair_start FROM tasks other
               WHERE ${sameLine} AND state IN ('PENDING', 'RETRY') AND NOT blocked
               ORDER BY fair_start LIMIT 1),
             (SELECT fair_start FROM tasks other
               WHERE ${sameLine} AND state = 'STARTED' ORDER BY fair_start DESC LIMIT 1),
             (SELECT fair_finish FROM tasks other
               WHERE ${sameLine} AND other.owner_id = task."ownerId"
               ORDER BY fair_finish DESC LIMIT 1)) AS begins
      FROM (SELECT DISTINCT queue, name, priority, "ownerId" FROM task WHERE cost IS NOT NULL) task),
  placed AS (
    SELECT task.*, begins + sum(cost) OVER (
             PARTITION BY queue, name, priority, "ownerId" ORDER BY n) AS finish
      FROM task LEFT JOIN line USING (queue, name, priority, "ownerId"))
  INSERT INTO tasks (${columns}, fair_start, fair_finish)
  SELECT ${values}, finish - cost, CASE WHEN cost IS NOT NULL THEN finish END FROM placed
  ON CONFLICT (id) DO NOTHING RETURNING id`;

/** Inserts rows into the table `tasks`, which is the ledger: the truth about every task. */
@Injectable()
export class TaskInserts {
  private readonly inserts = new Gathered((tasks: NewTask[]) => this.insertEach(tasks), 100);

  constructor(private readonly database: DataSource) {}

  /**
   * Inserts one row in the caller's transaction. Without a transaction, rows that come at the same time share a
   * commit. If the id exists, nothing changes, so a sender that lost the answer can repeat with the same id.
   */
  async insert(tx: Transaction, task: NewTask): Promise<void> {
    if (tx.queryRunner) {
      await this.insertAll(tx, [task]);
      return;
    }
    await retried(async () => {
      const failure = await this.inserts.ask(task);
      if (failure !== undefined) throw failure;
    });
  }

  /** Inserts rows with one statement, all or none. @returns how many did not exist yet */
  async insertAll(tx: Transaction, tasks: NewTask[]): Promise<number> {
    const costs = tasks.map(({ kind, name, payload, ownerId }) =>
      ownerId === null ? null : fairCost(kind, name, payload),
    );
    const shared = costs.some((cost) => cost !== null);
    const given = tasks.map((task, n) => ({
      ...task,
      // As text, since a bare JSON null would become an SQL NULL.
      payload: JSON.stringify(task.payload),
      followUp: followUpOf(task),
      followed: isFollowed(task),
      ...(shared && { n, cost: costs[n] }),
    }));
    const inserted = await rows(tx, shared ? insertShared : insertPlain, [JSON.stringify(given)]);
    return inserted.length;
  }

  /** Inserts tasks of several senders. */
  private insertEach(tasks: NewTask[]): Promise<(Error | undefined)[]> {
    return togetherOrAlone(tasks, async (some) => {
      await this.insertAll(this.database.manager, some);
      return some.map(() => undefined);
    });
  }
}

/** Users are told of what they have asked for, not of what we do for it. */
function isFollowed({ name, ownerId }: NewTask): boolean {
  return ownerId !== null && definitionOf(name)?.chore !== true;
}

function followUpOf({ name }: NewTask): FollowUp | null {
  const task = definitionOf(name)?.followUp;
  if (!task) return null;
  return { id: uuidv7(), name: task.name, queue: task.queue, priority: task.priority };
}
