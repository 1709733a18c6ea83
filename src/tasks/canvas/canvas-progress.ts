import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import type { Json } from '../../common/json.js';
import { afterCommit } from '../../infrastructure/database/after-commit.js';
import { rows, type Transaction } from '../../infrastructure/database/transaction.js';
import type { TaskErrorReport, TaskFailure } from '../definitions/task-errors.js';
import type { FinalState, TaskKind } from '../definitions/task-state.js';
import { LiveEvents } from '../events/live-events.js';
import { TaskEvents } from '../events/task-events.js';
import { Dispatcher } from '../hints/dispatcher.js';
import type { TaskHint } from '../hints/task-hints.js';
import { endedColumns, type Ended } from '../ledger/ledger-rows.js';
import type { PlannedNode } from '../ledger/planned-node.js';
import { TaskInserts } from '../ledger/task-inserts.js';
import { blamed, chainStopped, chordError, groupFailed, resultsTooLarge } from './canvas-errors.js';
import { rowsOfCanvas, type Sender } from './canvas-rows.js';
import { groupResultBytes, maxGroupResultBytes } from './group-results.js';
import { OnceNodes, type ReadyNode } from './once-nodes.js';

/** How long the result of a chain, group or chord is kept: Celery's default for `result_expires`. Milliseconds. */
const resultExpiresMs = 3_600_000;

interface Node {
  id: string;
  kind: TaskKind;
  openChildren: number | null;
}

/**
 * Stores canvases and moves them forward. When a node ends, this starts the next step, ends the node above
 * and sends callbacks, all in the transaction that ends the node. So a step is never over without the next
 * one being on its way. Hints are added after the commit, as for any send.
 *
 * Several nodes may end at once: a group counts its open parts in its own row, whose lock is held until the
 * commit. While a canvas is being revoked, `lockCanvas` keeps its nodes from ending.
 */
@Injectable()
export class CanvasProgress {
  constructor(
    private readonly inserts: TaskInserts,
    private readonly dispatcher: Dispatcher,
    private readonly events: TaskEvents,
    private readonly live: LiveEvents,
    private readonly once: OnceNodes,
  ) {}

  /**
   * Stores a canvas in the caller's transaction. After the commit its first tasks go to their queues.
   *
   * @param root id of the canvas, which its root node gets
   * @param above set for a callback: the task that it belongs to, that task's canvas, and its result
   */
  async store(
    tx: Transaction,
    plan: PlannedNode,
    root: string,
    sender: Sender,
    above?: { canvasId: string; parentId: string; input: Json },
  ): Promise<void> {
    const { rows, emptyGroups } = rowsOfCanvas(plan, root, sender, above);
    if (above) for (const row of rows) if (!row.blocked) giveInput(row, above.input);
    // If the root exists, the canvas was stored before and its sender, having lost the answer, repeats.
    if ((await this.inserts.insertAll(tx, rows.slice(0, 1))) === 0) return;
    if (rows.length > 1) await this.inserts.insertAll(tx, rows.slice(1));
    const now = Date.now();
    const ready = rows
      .filter((row) => !row.blocked)
      .map(({ id, delayMs, runAt, ...row }) => {
        const waitMs = runAt === null ? delayMs : Date.parse(runAt) - now;
        return { ...row, taskId: id, delayMs: waitMs };
      });
    await this.go(tx, ready);
    for (const id of emptyGroups) await this.finish(tx, id, 'SUCCESS', [], null);
  }

  /** Does what follows from a node's end. Call it in the transaction that ended the node, after `lockCanvas`. */
  async ended(tx: Transaction, node: Ended): Promise<void> {
    await this.callBack(tx, node);
    await this.endJoined(tx, node);
    if (node.parentId === null || node.position === null) return;
    const [parent] = await rows<Node>(
      tx,
      `SELECT id, kind, open_children AS "openChildren" FROM tasks
        WHERE id = $1 AND finished_at IS NULL`,
      [node.parentId],
    );
    if (!parent) return;
    if (parent.kind === 'group') await this.partEnded(tx, parent);
    else await this.stepEnded(tx, parent, node);
  }

  /** Ends the nodes of any canvas that have joined this task, as the task ended. Part of {@link ended}. */
  async endJoined(tx: Transaction, task: Ended): Promise<void> {
    for (const node of await this.once.endJoined(tx, task)) {
      afterCommit(tx, () => this.events.endedUnrun(node));
      await this.ended(tx, node);
    }
  }

  private async partEnded(tx: Transaction, group: Node): Promise<void> {
    const [{ open }] = (await rows<{ open: number }>(
      tx,
      `UPDATE tasks SET open_children = open_children - 1 WHERE id = $1
       RETURNING open_children AS open`,
      [group.id],
    )) as [{ open: number }];
    if (open > 0) return;
    const bytes = await groupResultBytes(tx, group.id);
    if (bytes > maxGroupResultBytes) {
      return this.finish(tx, group.id, 'FAILURE', null, resultsTooLarge(bytes));
    }
    const parts = await rows<Ended>(
      tx,
      `SELECT ${endedColumns} FROM tasks WHERE parent_id = $1 AND position IS NOT NULL
        ORDER BY position`,
      [group.id],
    );
    const failed = parts.find((part) => part.state !== 'SUCCESS');
    if (failed) await this.finish(tx, group.id, 'FAILURE', null, groupFailed(failed));
    else {
      const results = parts.map((part) => part.result);
      await this.finish(tx, group.id, 'SUCCESS', results, null);
    }
  }

  private async stepEnded(tx: Transaction, parent: Node, step: Ended): Promise<void> {
    const next = await this.child(tx, parent.id, step.position! + 1);
    if (step.state === 'SUCCESS') {
      if (next) await this.start(tx, next, step.result);
      else await this.finish(tx, parent.id, 'SUCCESS', step.result, null);
    } else if (next && step.kind === 'group') {
      await this.failBody(tx, next, step);
    } else {
      await this.stopAfter(tx, parent.id, step.position!, step);
      await this.finish(tx, parent.id, step.state, null, blamed(step));
    }
  }

  /** The group before the body has failed: the body becomes FAILURE, and so does its chain or chord. */
  private async failBody(tx: Transaction, body: Node, group: Ended): Promise<void> {
    const error = chordError(group);
    if (body.kind !== 'task' && body.kind !== 'map') await this.stopBelow(tx, body.id, group);
    // The end of the body stops the steps after it and ends the node above.
    await this.finish(tx, body.id, 'FAILURE', null, error);
  }

  /** Starts a node whose turn has come. */
  private async start(tx: Transaction, node: Node, input: Json): Promise<void> {
    switch (node.kind) {
      case 'task':
      case 'map':
        return this.unblock(tx, 'id = $2', node.id, input);
      case 'chain':
      case 'chord':
        return this.start(tx, (await this.child(tx, node.id, 0))!, input);
      case 'group': {
        if (node.openChildren === 0) return this.finish(tx, node.id, 'SUCCESS', [], null);
        await this.unblock(tx, `parent_id = $2 AND kind IN ('task', 'map')`, node.id, input);
        const inner = await rows<Node>(
          tx,
          `SELECT id, kind, open_children AS "openChildren" FROM tasks
            WHERE parent_id = $1 AND kind NOT IN ('task', 'map') AND position IS NOT NULL
            ORDER BY position`,
          [node.id],
        );
        for (const part of inner) await this.start(tx, part, input);
      }
    }
  }

  private async unblock(tx: Transaction, which: string, id: string, input: Json): Promise<void> {
    const ready = await rows<ReadyNode>(
      tx,
      `UPDATE tasks
          SET blocked = false,
              payload = CASE WHEN input_key IS NULL THEN payload
                             WHEN input_key = '' THEN $1::jsonb
                             ELSE payload || jsonb_build_object(input_key, $1::jsonb) END,
              run_at = greatest(run_at, now() + delay_ms * interval '1 ms'),
              expires_at = now() + expires_in_ms * interval '1 ms'
        WHERE ${which} AND blocked AND finished_at IS NULL
        RETURNING id AS "taskId", kind, name, queue, priority, payload,
                  greatest(0, extract(epoch FROM run_at - now()) * 1000)::float8 AS "delayMs"`,
      [JSON.stringify(input), id],
    );
    await this.go(tx, ready);
  }

  /** Sends tasks to their queues, except those that join an open task with their key. */
  private async go(tx: Transaction, ready: ReadyNode[]): Promise<void> {
    const { joined, refused } = await this.once.take(tx, ready);
    for (const { taskId, name, queue, priority, delayMs } of ready) {
      if (joined.has(taskId) || refused.has(taskId)) continue;
      this.dispatch(tx, { taskId, name, queue, priority, delayMs });
    }
    for (const [id, error] of refused) await this.finish(tx, id, 'FAILURE', null, error);
  }

  /** Ends a node that no worker runs, and does what follows. */
  private async finish(
    tx: Transaction,
    id: string,
    state: FinalState,
    result: Json,
    error: TaskFailure | null,
  ): Promise<void> {
    const [ended] = await rows<Ended>(
      tx,
      `UPDATE tasks
          SET state = $2, result = CASE WHEN forgotten THEN NULL ELSE $3::jsonb END, error = $4,
              finished_at = now(), result_expires_at = now() + $5::float8 * interval '1 ms'
        WHERE id = $1 AND finished_at IS NULL RETURNING ${endedColumns}`,
      state === 'SUCCESS'
        ? [id, state, JSON.stringify(result), null, resultExpiresMs]
        : [id, state, null, error, null],
    );
    if (!ended) return;
    afterCommit(tx, () => this.events.endedUnrun(ended));
    await this.ended(tx, ended);
  }

  /** Revokes the children of `parent` after position `after`, with everything below them. */
  private async stopAfter(tx: Transaction, parent: string, after: number, step: Ended) {
    const later = await rows<Ended>(
      tx,
      `UPDATE tasks SET state = 'REVOKED', error = $3, finished_at = now()
        WHERE parent_id = $1 AND position > $2 AND finished_at IS NULL RETURNING ${endedColumns}`,
      [parent, after, chainStopped(step)],
    );
    for (const node of later) {
      afterCommit(tx, () => this.events.endedUnrun(node));
      await this.stopBelow(tx, node.id, step);
    }
  }

  /** Revokes everything below a node that will not run. */
  private async stopBelow(tx: Transaction, id: string, step: Ended): Promise<void> {
    await this.stopAfter(tx, id, -1, step);
  }

  private async child(tx: Transaction, parent: string, position: number) {
    const [child] = await rows<Node>(
      tx,
      `SELECT id, kind, open_children AS "openChildren" FROM tasks
        WHERE parent_id = $1 AND position = $2`,
      [parent, position],
    );
    return child;
  }

  private async callBack(tx: Transaction, node: Ended): Promise<void> {
    if (node.links === null || node.state === 'REVOKED') return;
    const report: TaskErrorReport | null = node.error && {
      task_id: node.id,
      name: node.name,
      error: node.error,
    };
    const success = node.state === 'SUCCESS';
    const input = success ? node.result : (report as unknown as Json);
    const sender = await this.senderOf(tx, node.id);
    const above = { canvasId: node.canvasId!, parentId: node.id, input };
    for (const plan of success ? node.links.success : node.links.failure) {
      await this.store(tx, plan, uuidv7(), sender, above);
    }
  }

  private async senderOf(tx: Transaction, id: string): Promise<Sender> {
    const [sender] = await rows<Sender>(
      tx,
      `SELECT owner_id AS "ownerId", owner_limit AS "ownerLimit", correlation_id AS "correlationId",
              NULL AS "waiterId"
         FROM tasks WHERE id = $1`,
      [id],
    );
    return sender!;
  }

  private dispatch(tx: Transaction, hint: TaskHint): void {
    afterCommit(tx, () => {
      this.dispatcher.dispatch(hint);
      this.live.emit({ type: 'task-sent', ...hint });
    });
  }
}

function giveInput(row: { payload: Json; inputKey: string | null }, input: Json): void {
  if (row.inputKey === '') row.payload = input;
  else if (row.inputKey !== null)
    row.payload = { ...(row.payload as object), [row.inputKey]: input };
}
