import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { query, type Transaction } from '../../infrastructure/database/transaction.js';
import type { TaskFailure } from '../definitions/task-errors.js';
import { behind, positionOfSnapshot, type Position } from './position.js';

/** What happens to a task. `uploaded`: all its pictures are in the storage. */
export type HistoryType =
  'accepted' | 'started' | 'retrying' | 'succeeded' | 'failed' | 'revoked' | 'uploaded';

/** One step in the life of a task. */
export interface HistoryRow {
  xid: bigint;
  seq: bigint;
  taskId: string;
  /** Null: for admins only. */
  ownerId: string | null;
  name: string;
  at: Date;
  type: HistoryType;
  attempt: number;
  error: TaskFailure | null;
  /** Where a reader is once it has had this row and all before it. */
  position: Position;
}

/** Whose history: of a task, of what belongs to a user, or all. */
export type HistoryScope = { kind: 'task' | 'owner'; id: string } | { kind: 'all' };

export interface HistoryPage {
  rows: HistoryRow[];
  /** Behind these rows; if there are no more, behind everything that could be seen. */
  position: Position;
  /** There may be more. */
  isFull: boolean;
}

/** Rows of one page. */
export const pageSize = 500;

const columns = `xid, seq, task_id AS "taskId", owner_id AS "ownerId", name, at, type, attempt, error`;
const inOrder = `ORDER BY xid, seq LIMIT ${pageSize}`;

/**
 * SQL: the next rows of a reader at position $1 (`next`), $2 (`open`), $3 and $4 (`within`), of $5. The parts are
 * apart so that each is found by an index, however long a transaction stays open. What a restored database has from
 * transactions that are still to come here is left out.
 */
const nextRows = (scope: string) => `
  SELECT now.snapshot::text, h.* FROM (SELECT pg_current_snapshot() AS snapshot) now LEFT JOIN LATERAL (
    (SELECT 0 AS part, ${columns} FROM task_history
      WHERE ${scope} AND xid = $3::xid8 AND seq > $4::bigint ${inOrder})
    UNION ALL
    (SELECT 1, ${columns} FROM task_history
      WHERE ${scope} AND xid = ANY($2::xid8[]) AND xid <> $3::xid8 ${inOrder})
    UNION ALL
    (SELECT 2, ${columns} FROM task_history
      WHERE ${scope} AND xid >= $1::xid8 AND xid <> $3::xid8
        AND xid < pg_snapshot_xmax(now.snapshot) ${inOrder})
    ORDER BY part, xid, seq LIMIT ${pageSize}) h ON true ORDER BY part, xid, seq`;

const statements: Record<HistoryScope['kind'], string> = {
  task: nextRows('task_id = $5'),
  owner: nextRows('owner_id = $5'),
  all: nextRows('$5::uuid IS NULL'),
};

type Found = { snapshot: string; part: number } & {
  [K in keyof Omit<HistoryRow, 'position' | 'xid' | 'seq'>]: HistoryRow[K];
} & { xid: string | null; seq: string };

/**
 * The history of tasks, for readers that must have each row once. It is written by triggers on `tasks`
 * (migration 1763700055000), so that no statement can forget it, and deleted with its task.
 */
@Injectable()
export class TaskHistory {
  constructor(private readonly database: DataSource) {}

  /** Where a reader begins that wants only what comes. */
  async now(): Promise<Position> {
    const sql = `SELECT pg_current_snapshot()::text AS snapshot`;
    const [row] = await query<{ snapshot: string }>(this.database, sql);
    return positionOfSnapshot(row!.snapshot);
  }

  /** What a reader at `from` has not had. Transactions that are still open come with a later page. */
  async read(scope: HistoryScope, from: Position): Promise<HistoryPage> {
    const { next, open, within } = from;
    const found = await query<Found>(this.database, statements[scope.kind], [
      String(next),
      open.map(String),
      String(within?.xid ?? 0n),
      String(within?.seq ?? 0n),
      'id' in scope ? scope.id : null,
    ]);
    const seen = positionOfSnapshot(found[0]!.snapshot);
    const isFull = found.length === pageSize;
    const rows = found
      .filter(({ xid }) => xid !== null)
      .map(({ snapshot: _, part: __, xid, seq, ...row }, i): HistoryRow => {
        const at = { xid: BigInt(xid!), seq: BigInt(seq) };
        const following = found[i + 1];
        const last = following ? following.xid !== xid : !isFull;
        return { ...row, ...at, position: behind(from, seen, at, last) };
      });
    return { rows, isFull, position: isFull ? rows.at(-1)!.position : seen };
  }

  /** The last step of a task so far; undefined: none is known. */
  async latest(taskId: string): Promise<HistoryType | undefined> {
    const sql = `SELECT type FROM task_history WHERE task_id = $1 ORDER BY seq DESC LIMIT 1`;
    return (await query<{ type: HistoryType }>(this.database, sql, [taskId]))[0]?.type;
  }

  /**
   * Adds what a feature has done for tasks after their SUCCESS, once for each of them. The caller holds the locks of
   * their rows.
   */
  async add(tx: Transaction, type: 'uploaded', taskIds: string[]): Promise<void> {
    await tx.query(
      `INSERT INTO task_history (task_id, owner_id, name, at, type, attempt)
       SELECT id, owner_id, name, now(), $2, attempt FROM tasks
        WHERE id = ANY($1) AND NOT EXISTS (
              SELECT FROM task_history h WHERE h.task_id = tasks.id AND h.type = $2)`,
      [taskIds, type],
    );
  }
}

/** Whether the position is one that this database has not reached: it comes from another one. */
export function isAhead(position: Position, now: Position): boolean {
  const { next, within } = position;
  return next > now.next || (within?.xid ?? 0n) >= now.next;
}
