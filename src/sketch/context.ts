import type { Engine } from './engine.js';
import type { JobRecord } from './job-record.js';
import type { Misbehaviour, MisbehaviourQueue } from './misbehaviour.js';
import type { SketchOptions } from './options.js';
import type { Checkpoint } from './checkpoints.js';

/** What the routes share. A restart replaces `engine`; everything else stays, for tests to read. */
export interface SketchContext {
  options: SketchOptions;
  checkpoints: Checkpoint[];
  engine: Engine;
  misbehaviours: MisbehaviourQueue;
  jobs: JobRecord[];
  /** txt2img requests: all so far, now held, and the most held at once. */
  requests: number;
  inFlight: number;
  maxInFlight: number;
  restart(ms: number): Promise<void>;
}

export interface SketchState {
  jobs: JobRecord[];
  /** Task id of the job that draws now. */
  active: string | null;
  /** Task ids that wait for the card, first in first. */
  queued: string[];
  misbehaviours: Misbehaviour[];
  requests: number;
  in_flight: number;
  max_in_flight: number;
}

export function stateOf(context: SketchContext): SketchState {
  const idsOf = (outcome: JobRecord['outcome']): string[] =>
    context.jobs.filter((job) => job.outcome === outcome).map((job) => job.id_task);
  return {
    jobs: context.jobs.map((job) => ({ ...job })),
    active: idsOf('running')[0] ?? null,
    queued: idsOf('queued'),
    misbehaviours: context.misbehaviours.list(),
    requests: context.requests,
    in_flight: context.inFlight,
    max_in_flight: context.maxInFlight,
  };
}
