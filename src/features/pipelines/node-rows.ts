import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { Json } from '../../common/json.js';
import {
  inTransaction,
  query,
  rows,
  type Transaction,
} from '../../infrastructure/database/transaction.js';
import type { TaskContext } from '../../tasks/definitions/task-context.js';
import { LeaseLost } from '../../tasks/definitions/task-errors.js';
import type { NodeFailure } from './pipeline-node.js';
import type { NodeState, NodeStateName } from './node-states.js';

/** What is written about a node. */
export interface NodeWrite {
  node: string;
  state: NodeStateName;
  output?: Json;
  error?: NodeFailure;
  failures: number;
  taskId?: string | null;
  /** Milliseconds from now. */
  retryInMs?: number;
  startedAt: Date;
}

const columns = `node, state, output, error, failures, task_id AS "taskId", retry_at AS "retryAt"`;

/**
 * Writes a node, unless it is over already: what has ended stays. The first condition is the fence: attempt $2 still has
 * the task of run $1.
 */
const writeSql = `
  INSERT INTO event_nodes AS known
         (run_id, node, state, output, error, failures, task_id, retry_at, started_at, finished_at)
  SELECT $1, $3, $4, $5::jsonb, $6::jsonb, $7, $8, now() + $9::float8 * interval '1 ms', $10,
         CASE WHEN $4 NOT IN ('WAITING', 'RETRY') THEN now() END
    FROM tasks WHERE id = $1 AND attempt = $2 AND state = 'STARTED' AND revoke_requested_at IS NULL
  ON CONFLICT (run_id, node) DO UPDATE
     SET state = excluded.state, output = excluded.output, error = excluded.error,
         failures = excluded.failures, task_id = coalesce(excluded.task_id, known.task_id),
         retry_at = excluded.retry_at, finished_at = excluded.finished_at
   WHERE known.state IN ('WAITING', 'RETRY')
  RETURNING ${columns}`;

/**
 * The rows of nodes. An output is written once: a second attempt of a node finds what the first has written, and changes
 * nothing.
 *
 * Failure window: the worker dies between the work of a node and its row. Remedy: the node runs again, with the same key;
 * rows that it writes by `completeWith` come with its own row or not at all.
 */
@Injectable()
export class NodeRows {
  constructor(private readonly database: DataSource) {}

  async of(runId: string): Promise<Map<string, NodeState>> {
    const found = await query<NodeState & { node: string }>(
      this.database,
      `SELECT ${columns} FROM event_nodes WHERE run_id = $1`,
      [runId],
    );
    return new Map(found.map(({ node, ...state }) => [node, state]));
  }

  /** @returns what is stored, which is an earlier end if there was one @throws LeaseLost */
  async write(task: TaskContext, write: NodeWrite): Promise<NodeState> {
    const [written] = await query<NodeState>(this.database, writeSql, parametersOf(task, write));
    const state = written ?? (await this.of(task.taskId)).get(write.node);
    if (!state) throw new LeaseLost();
    return state;
  }

  /**
   * Writes a node together with other rows.
   *
   * @param work writes these and says what to write of the node; it may run more than once
   * @returns as {@link write}
   * @throws LeaseLost, and what `work` throws; then nothing is written
   */
  async writeWith(
    task: TaskContext,
    node: string,
    work: (tx: Transaction) => Promise<NodeWrite>,
  ): Promise<NodeState> {
    return inTransaction(this.database, async (tx) => {
      await task.hold(tx);
      const sql = `SELECT ${columns} FROM event_nodes WHERE run_id = $1 AND node = $2
                      AND state <> 'RETRY'`;
      const [over] = await rows<NodeState>(tx, sql, [task.taskId, node]);
      if (over) return over;
      const [written] = await rows<NodeState>(tx, writeSql, parametersOf(task, await work(tx)));
      return written!;
    });
  }
}

function parametersOf({ taskId, attempt }: TaskContext, write: NodeWrite): unknown[] {
  const { node, state, output, error, failures, taskId: sent, retryInMs, startedAt } = write;
  return [
    taskId,
    attempt,
    node,
    state,
    output === undefined ? null : JSON.stringify(output),
    error === undefined ? null : JSON.stringify(error),
    failures,
    sent ?? null,
    retryInMs ?? null,
    startedAt,
  ];
}
