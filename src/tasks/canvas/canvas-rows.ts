import { v7 as uuidv7 } from 'uuid';
import type { PlannedNode } from '../ledger/planned-node.js';
import type { NewTask } from '../ledger/task-inserts.js';

/** What all rows of a canvas share. */
export interface Sender {
  ownerId: string | null;
  ownerLimit: number | null;
  correlationId: string | null;
  /** The task that waits for the end of the first row. */
  waiterId: string | null;
}

export interface CanvasRows {
  /** Parents before their children. */
  rows: NewTask[];
  /** Ids of empty groups whose turn has come: they are over as soon as they are stored. */
  emptyGroups: string[];
}

/**
 * Makes the rows of a planned canvas, one for each node. A row that has to wait for another one is blocked.
 *
 * @param root id of the first row
 * @param above set for a callback: the task that it belongs to, and that task's canvas
 */
export function rowsOfCanvas(
  plan: PlannedNode,
  root: string,
  sender: Sender,
  above?: { canvasId: string; parentId: string },
): CanvasRows {
  const alone = !above && plan.children.length === 0 && !plan.callbacks && isLeaf(plan);
  const canvasId = above?.canvasId ?? (alone ? null : root);
  const result: CanvasRows = { rows: [], emptyGroups: [] };
  const add = (
    node: PlannedNode,
    id: string,
    turn: boolean,
    parentId: string | null,
    position: number | null,
  ): void => {
    const { children, callbacks, ...own } = node;
    const group = node.kind === 'group';
    result.rows.push({
      ...own,
      ...sender,
      waiterId: id === root ? sender.waiterId : null,
      id,
      canvasId,
      parentId,
      position,
      blocked: !turn || !isLeaf(node),
      openChildren: group ? children.length : null,
      links: callbacks,
    });
    if (group && turn && children.length === 0) result.emptyGroups.push(id);
    for (const [i, child] of children.entries()) {
      add(child, uuidv7(), turn && (group || i === 0), id, i);
    }
  };
  add(plan, root, true, above?.parentId ?? null, null);
  return result;
}

function isLeaf(node: PlannedNode): boolean {
  return node.kind === 'task' || node.kind === 'map';
}
