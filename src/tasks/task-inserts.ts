import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Gathered } from '../common/gathered.js';
import type { Json } from '../common/json.js';
import { isTransient, rows, type Transaction } from '../infrastructure/database/transaction.js';
import type { PlannedCallbacks } from './canvas/canvas-plan.js';
import type { QueueName } from './queues.js';
import type { TaskOverrides } from './task-definition.js';
import type { TaskKind } from './task-state.js';

/** A row to be. */
export interface NewTask {
  id: string;
  kind: TaskKind;
  name: string;
  queue: QueueName;
  priority: number;
  payload: Json;
  /** Milliseconds from now, by the database's clock; of a blocked task, from the end of that. */
  delayMs: number;
  /** ISO; wins over `delayMs`. */
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
  correlationId: string | null;
}

/** New rows of the ledger. */
@Injectable()
export class TaskInserts {
  private readonly inserts = new Gathered((tasks: NewTask[]) => this.insertEach(tasks), 100);

  constructor(private readonly database: DataSource) {}

  /**
   * Joins the caller's transaction; outside of one, tasks that come at once share a commit. An id that
   * is there already stays as it is, so a sender who lost the answer may repeat with the same id.
   */
  async insert(tx: Transaction, task: NewTask): Promise<void> {
    if (tx.queryRunner) {
      await this.insertAll(tx, [task]);
      return;
    }
    const failure = await this.inserts.ask(task);
    if (failure !== undefined) throw failure;
  }

  /** In one statement; all or none. @returns how many were not there yet */
  async insertAll(tx: Transaction, tasks: NewTask[]): Promise<number> {
    const inserted = await rows(
      tx,
      `INSERT INTO tasks
         (id, kind, name, queue, priority, payload, run_at, expires_at, delay_ms, expires_in_ms,
          overrides, canvas_id, parent_id, position, blocked, open_children, input_key, links,
          owner_id, correlation_id)
       SELECT id, kind, name, queue, priority, payload::jsonb,
              coalesce("runAt", now() + CASE WHEN blocked THEN 0 ELSE "delayMs" END * interval '1 ms'),
              CASE WHEN NOT blocked THEN now() + "expiresInMs" * interval '1 ms' END,
              "delayMs", "expiresInMs", overrides, "canvasId", "parentId", position, blocked,
              "openChildren", "inputKey", links, "ownerId", "correlationId"
         FROM jsonb_to_recordset($1) AS task (
              id uuid, kind text, name text, queue text, priority smallint, payload text,
              "runAt" timestamptz, "delayMs" float8, "expiresInMs" float8, overrides jsonb,
              "canvasId" uuid, "parentId" uuid, position int, blocked boolean, "openChildren" int,
              "inputKey" text, links jsonb, "ownerId" uuid, "correlationId" text)
       ON CONFLICT (id) DO NOTHING RETURNING id`,
      // The payload as text, for a bare JSON null would become a NULL.
      [JSON.stringify(tasks.map((task) => ({ ...task, payload: JSON.stringify(task.payload) })))],
    );
    return inserted.length;
  }

  /** One that Postgres refuses must not take the others with it. */
  private async insertEach(tasks: NewTask[]): Promise<(Error | undefined)[]> {
    try {
      await this.insertAll(this.database.manager, tasks);
      return tasks.map(() => undefined);
    } catch (error) {
      if (tasks.length === 1 || isTransient(error)) throw error;
      const alone = tasks.map((task) => this.insertAll(this.database.manager, [task]));
      const outcomes = await Promise.allSettled(alone);
      return outcomes.map((o) => (o.status === 'rejected' ? (o.reason as Error) : undefined));
    }
  }
}
