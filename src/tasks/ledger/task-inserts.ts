import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Gathered } from '../../common/gathered.js';
import type { Json } from '../../common/json.js';
import { togetherOrAlone } from '../../infrastructure/database/together-or-alone.js';
import { retried, rows, type Transaction } from '../../infrastructure/database/transaction.js';
import type { QueueName } from '../definitions/queues.js';
import type { TaskOverrides } from '../definitions/task-definition.js';
import type { TaskKind } from '../definitions/task-state.js';
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
  correlationId: string | null;
}

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
      // The payload goes as text, since a bare JSON null would become an SQL NULL.
      [JSON.stringify(tasks.map((task) => ({ ...task, payload: JSON.stringify(task.payload) })))],
    );
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
