import type { TaskKind, TaskState } from '../definitions/task-state.js';

/** The columns of the ledger that a drawing needs. */
export interface GraphRow {
  id: string;
  kind: TaskKind;
  name: string;
  state: TaskState;
  parentId: string | null;
  position: number | null;
}

/** A box in the drawing: a task, or a chain, group or chord that contains others. */
export interface GraphNode {
  /** A short id of letters and digits, which is safe in every notation. */
  key: string;
  label: string[];
  /** Undefined: the box stands for several tasks. */
  state: TaskState | undefined;
  /** Boxes inside this one. Empty: a plain box. */
  children: GraphNode[];
}

export interface GraphEdge {
  from: GraphNode;
  to: GraphNode;
  /** `next`: the following step; `callback`: sent when `from` ends. */
  kind: 'next' | 'callback';
}

export interface CanvasGraph {
  nodes: GraphNode[];
  edges: GraphEdge[];
}

/** Most parts of a group that are drawn as boxes; one box sums up the rest. Mermaid draws at most 500. */
const mostParts = 20;

/** Makes the drawing of a canvas: nested boxes and the arrows between them. */
export function canvasGraph(rows: GraphRow[]): CanvasGraph {
  return new GraphMaker(rows).make();
}

class GraphMaker {
  private readonly boxes = new Map<string, GraphNode>();
  private readonly parts = new Map<string, GraphRow[]>();
  private readonly edges: GraphEdge[] = [];
  private count = 0;

  constructor(private readonly rows: GraphRow[]) {
    const known = new Set(rows.map((row) => row.id));
    for (const row of rows) {
      if (row.parentId === null || row.position === null || !known.has(row.parentId)) continue;
      this.parts.set(row.parentId, [...(this.parts.get(row.parentId) ?? []), row]);
    }
    for (const parts of this.parts.values()) parts.sort((a, b) => a.position! - b.position!);
  }

  make(): CanvasGraph {
    const inside = new Set([...this.parts.values()].flat().map((row) => row.id));
    const nodes = this.rows.filter((row) => !inside.has(row.id)).map((row) => this.draw(row));
    for (const row of this.rows) {
      if (row.position !== null || row.parentId === null) continue;
      const [from, to] = [this.boxes.get(row.parentId), this.boxes.get(row.id)];
      if (from && to) this.edges.push({ from, to, kind: 'callback' });
    }
    return { nodes, edges: this.edges };
  }

  private draw(row: GraphRow): GraphNode {
    const box = this.box(labelOf(row), row.state);
    this.boxes.set(row.id, box);
    const parts = this.parts.get(row.id) ?? [];
    const alone = row.kind === 'group' ? this.shown(parts) : parts;
    box.children = alone.map((part) => this.draw(part));
    if (row.kind === 'chain' || row.kind === 'chord') this.follow(box.children);
    if (alone.length < parts.length) box.children.push(this.sumUp(parts.slice(alone.length)));
    return box;
  }

  private follow(steps: GraphNode[]): void {
    for (const [i, to] of steps.entries()) {
      if (i > 0) this.edges.push({ from: steps[i - 1]!, to, kind: 'next' });
    }
  }

  private shown(parts: GraphRow[]): GraphRow[] {
    const simple = parts.every((part) => part.kind === 'task' || part.kind === 'map');
    return simple && parts.length > mostParts + 1 ? parts.slice(0, mostParts) : parts;
  }

  private sumUp(rest: GraphRow[]): GraphNode {
    const states = new Map<TaskState, number>();
    for (const { state } of rest) states.set(state, (states.get(state) ?? 0) + 1);
    const sum = [...states].map(([state, n]) => `${n} ${state}`).join(', ');
    const box = this.box([`${rest.length} more`, sum], undefined);
    for (const { id } of rest) this.boxes.set(id, box);
    return box;
  }

  private box(label: string[], state: TaskState | undefined): GraphNode {
    return { key: `n${this.count++}`, label, state, children: [] };
  }
}

function labelOf({ kind, name, state }: GraphRow): string[] {
  if (kind === 'task') return [name, state];
  return kind === 'map' ? [`map of ${name}`, state] : [kind, state];
}
