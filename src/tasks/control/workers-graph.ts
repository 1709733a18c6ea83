import type { CanvasGraph, GraphNode } from '../canvas/canvas-graph.js';
import { QUEUE_NAMES } from '../definitions/queues.js';
import type { LivingWorker } from './workers-table.js';

/** A worker without a heartbeat for longer than this is drawn as silent. Milliseconds. */
const silentMs = 10_000;

/** A drawing of which worker serves which queue. Queues without a worker are marked. */
export function workersGraph(workers: LivingWorker[]): CanvasGraph {
  const served = new Set(workers.flatMap((worker) => worker.queues));
  const queues = new Map<string, GraphNode>(
    QUEUE_NAMES.map((name, i) => {
      const label = served.has(name) ? [name] : [name, 'no worker'];
      return [name, { key: `q${i}`, label, state: undefined, children: [] }];
    }),
  );
  const nodes = workers.map((worker, i): GraphNode => {
    const about = `${worker.pool}, ${worker.concurrency} at once`;
    const label = [worker.name, worker.silentMs > silentMs ? 'silent' : about];
    return { key: `w${i}`, label, state: undefined, children: [] };
  });
  const edges = workers.flatMap((worker, i) =>
    worker.queues.flatMap((name) => {
      const to = queues.get(name);
      return to ? [{ from: nodes[i]!, to, kind: 'next' as const }] : [];
    }),
  );
  return { nodes: [...nodes, ...queues.values()], edges };
}
