import type { SketchState } from '../../src/sketch/context.js';

export interface EngineGaps {
  /** Milliseconds between two jobs in which the card did nothing; whole ones. */
  gaps: number[];
  /** Their share of all the time, percent. */
  idleShare: number;
}

/** What the stand-in engine noted of its own card, after the first `warmUp` jobs. */
export async function engineGaps(url: string, warmUp: number): Promise<EngineGaps> {
  const { jobs } = (await (await fetch(`${url}/sketch/state`)).json()) as SketchState;
  const done = jobs
    .map((job) => ({ start: job.started_at_ms!, end: job.finished_at_ms! }))
    .toSorted((a, b) => a.start - b.start)
    .slice(warmUp);
  const gaps = done.slice(1).map((job, i) => job.start - done[i]!.end);
  const total = done.at(-1)!.end - done[0]!.start;
  return { gaps, idleShare: (gaps.reduce((sum, gap) => sum + gap, 0) / total) * 100 };
}
