import type { Command } from 'commander';
import type { CanvasGraph, GraphRow } from '../../tasks/canvas/canvas-graph.js';
import { answers, command, type Answer } from '../command.js';
import { withDarkroom } from '../connection.js';
import { idValue } from '../values.js';

/** Celery's `graph`. */
export function graphCommand(program: Command): void {
  const graph = command(program, 'graph', {
    description: 'Draw the canvas that a task belongs to, as Mermaid or for Graphviz.',
    examples: [
      ['graph 0198c2f0-5b1e-7c3a-9f00-2d1e8a7b6c54', 'Mermaid, for a page on GitHub'],
      ['graph 0198c2f0-5b1e-7c3a-9f00-2d1e8a7b6c54 --dot | dot -Tsvg > canvas.svg', 'a picture'],
    ],
    notes:
      'A canvas is a chain, a group or a chord of tasks. Give the id of any task of it.\nDashed arrows are callbacks; a large group is summed up.',
  })
    .argument('<id>', 'id of a task', idValue)
    .option('--dot', 'for Graphviz instead of Mermaid')
    .action(answers(canvas));
  command(graph, 'workers', {
    description: 'Draw which worker serves which queue.',
    examples: [['graph workers', 'the workers that are alive']],
  })
    .option('--dot', 'for Graphviz instead of Mermaid')
    .action(answers(workers));
}

async function workers({ dot }: { dot?: boolean }): Promise<Answer> {
  const living = await withDarkroom(async (darkroom) => {
    const { WorkerControl } = await import('../../tasks/control/worker-control.js');
    return darkroom.get(WorkerControl).workers();
  });
  const { workersGraph } = await import('../../tasks/control/workers-graph.js');
  const text = await drawn(workersGraph(living), dot);
  return {
    json: living.map(({ name, queues, concurrency, pool, silentMs }) => ({
      worker: name,
      queues,
      concurrency,
      pool,
      silent_ms: silentMs,
    })),
    text,
  };
}

async function drawn(graph: CanvasGraph, dot: boolean | undefined): Promise<string> {
  const { dotOf, mermaidOf } = await import('../../tasks/canvas/graph-notations.js');
  return dot ? dotOf(graph) : mermaidOf(graph);
}

async function canvas(id: string, { dot }: { dot?: boolean }): Promise<Answer> {
  const rows = await withDarkroom(async (darkroom) => {
    const { DataSource } = await import('typeorm');
    const { TaskEntity } = await import('../../tasks/ledger/task.entity.js');
    const { TaskResults } = await import('../../tasks/results/task-results.js');
    const task = await darkroom.get(TaskResults).task(id);
    if (task.canvasId === null) return [task];
    return darkroom.get(DataSource).manager.find(TaskEntity, {
      where: { canvasId: task.canvasId },
      select: { id: true, kind: true, name: true, state: true, parentId: true, position: true },
      order: { id: 'ASC' },
    });
  });
  const { canvasGraph } = await import('../../tasks/canvas/canvas-graph.js');
  return { json: { nodes: rows.map(nodeOf) }, text: await drawn(canvasGraph(rows), dot) };
}

function nodeOf({ id, kind, name, state, parentId, position }: GraphRow) {
  return { id, kind, name, state, parent_id: parentId, position };
}
