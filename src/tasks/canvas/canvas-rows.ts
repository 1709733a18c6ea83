import { v7 as uuidv7 } from 'uuid';
import type { NewTask } from '../task-inserts.js';
import type { PlannedNode } from './canvas-plan.js';

/** What all rows of a canvas share. */
export interface Sender {
  ownerId: string | null;
  correlationId: string | null;
}

export interface CanvasRows {
  /** Parents before their children. */
  rows: NewTask[];
  /** Groups without parts whose turn it is: they are over as soon as they are stored. */
  emptyGroups: string[];
}

/**
 * The rows of a planned canvas: one for each node. What has to wait for another node is blocked.
 *
 * @param root id of its first row
 * @param above the task that it is a callback of, and the canvas of that
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
