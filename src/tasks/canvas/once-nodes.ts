import { Injectable } from '@nestjs/common';
import type { Json } from '../../common/json.js';
import { rows, type Transaction } from '../../infrastructure/database/transaction.js';
import { definitionOf } from '../definitions/task-definition.js';
import type { TaskFailure } from '../definitions/task-errors.js';
import { InvalidPayloadError } from '../definitions/task-payload.js';
import type { TaskKind } from '../definitions/task-state.js';
import type { TaskHint } from '../hints/task-hints.js';
import { endedColumns, type Ended } from '../ledger/ledger-rows.js';
import { limitKey } from '../limits/limit-key.js';
import { OnceKeys } from '../limits/once-keys.js';
import { lockCanvas } from './canvas-lock.js';

/** A node whose turn has come, with its complete payload. */
export interface ReadyNode extends TaskHint {
  kind: TaskKind;
  payload: Json;
}

/** Nodes that will not run now: they joined a task, or their key was refused. */
interface Kept {
  joined: Set<string>;
  refused: Map<string, TaskFailure>;
}

/** A node that needs a key. */
interface Keyed {
  node: ReadyNode;
  key: string;
}

/**
 * Nodes whose definition has `once`. Such a node takes its key when its turn comes. If an open task has the
 * key, the node **joins** that task: it never runs itself, and ends as that task does, in the same transaction.
 */
@Injectable()
export class OnceNodes {
  constructor(private readonly keys: OnceKeys) {}

  /**
   * Takes the keys of these nodes.
   *
   * @returns the nodes that joined another task, and those whose key cannot be made
   */
  async take(tx: Transaction, nodes: ReadyNode[]): Promise<Kept> {
    const refused = new Map<string, TaskFailure>();
    const keyed: Keyed[] = [];
    for (const node of nodes) {
      const key = keyOf(node);
      if (key instanceof InvalidPayloadError) refused.set(node.taskId, refusal(key));
      else if (key !== undefined) keyed.push({ node, key });
    }
    // Always in the same order, so that two canvases with the same keys cannot deadlock.
    keyed.sort((a, b) => compare(a.node.name, b.node.name) || compare(a.key, b.key));
    const joined = new Set<string>();
    for (const { node, key } of keyed) {
      if (await this.takeOne(tx, node, key)) joined.add(node.taskId);
    }
    return { joined, refused };
  }

  /**
   * Ends the nodes that have joined this task, with the task's own state, result and error.
   *
   * @returns the ended nodes, so that the caller can do what follows
   */
  async endJoined(tx: Transaction, task: Ended): Promise<Ended[]> {
    if (task.kind !== 'task' || !mayBeJoined(task.name)) return [];
    const canvases = await rows<{ id: string }>(
      tx,
      `SELECT DISTINCT canvas_id AS id FROM tasks
        WHERE joined_id = $1 AND finished_at IS NULL ORDER BY id`,
      [task.id],
    );
    if (canvases.length === 0) return [];
    for (const { id } of canvases) await lockCanvas(tx, id, 'shared');
    return rows<Ended>(
      tx,
      `UPDATE tasks
          SET state = joined.end_state, error = joined.end_error, finished_at = now(),
              result = CASE WHEN forgotten THEN NULL ELSE joined.end_result END,
              result_expires_at = joined.end_expires_at
         FROM (SELECT state AS end_state, result AS end_result, result_expires_at AS end_expires_at,
                      error || jsonb_build_object('task_id', coalesce(error->>'task_id', id::text))
                        AS end_error
                 FROM tasks WHERE id = $1) AS joined
        WHERE joined_id = $1 AND finished_at IS NULL RETURNING ${endedColumns}`,
      [task.id],
    );
  }

  /** @returns true when another task has the key, so that the node has joined it */
  private async takeOne(tx: Transaction, { taskId, name }: ReadyNode, key: string) {
    const holder = await this.keys.claim(tx, definitionOf(name)!, key, taskId, 'hold');
    if (holder === taskId) return false;
    await tx.query(`UPDATE tasks SET blocked = true, joined_id = $2 WHERE id = $1`, [
      taskId,
      holder,
    ]);
    return true;
  }
}

/** Whether nodes may have joined a task of this name: its definition has `once`, or is not known to this release. */
export function mayBeJoined(name: string): boolean {
  return definitionOf(name)?.once !== null;
}

/** The node's key; undefined when it needs none. An invalid payload has no key either: its attempt will fail. */
function keyOf({ kind, name, payload }: ReadyNode): string | InvalidPayloadError | undefined {
  const definition = kind === 'task' ? definitionOf(name) : undefined;
  if (!definition?.once) return undefined;
  const parsed = definition.payload.safeParse(payload);
  if (!parsed.success) return undefined;
  try {
    return limitKey(definition, definition.once, parsed.data);
  } catch (error) {
    return error instanceof InvalidPayloadError
      ? error
      : new InvalidPayloadError(`Task "${name}" cannot make a key of its payload.`);
  }
}

function refusal({ message }: InvalidPayloadError): TaskFailure {
  return { code: 'invalid_payload', message, retryable: false };
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
