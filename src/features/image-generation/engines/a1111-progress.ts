import { setTimeout as delay } from 'node:timers/promises';
import type { Interruptions } from './a1111-interruptions.js';
import type { A1111Options } from './a1111-options.js';
import { isStatus, type A1111Status, type GlobalStatus, type TaskStatus } from './a1111-status.js';
import { EngineError } from './engine-error.js';
import type { EngineProgress } from './image-engine.js';
import { SignsOfLife } from './signs-of-life.js';

export interface Followed {
  jobId: string;
  /** Whether the global progress can only be ours. */
  alone: () => boolean;
  report: (progress: EngineProgress) => void;
}

export interface Following {
  /** Fires with an EngineError `timeout` when the job shows no sign of life any more. */
  idle: AbortSignal;
  moved: () => void;
  stop: () => void;
}

/** One look at a job: what may be reported, and what changes while the job moves. */
interface Look {
  progress?: EngineProgress;
  /** `queued`: not our turn; `nothing`: the server says nothing of the job; `silent`: nothing at all. */
  sign: { said: string } | 'queued' | 'nothing' | 'silent';
}

/** Asks the server how far a job is. Reports what it says, and only forwards. */
export class A1111Progress {
  /** This server has answered a question while it had a job of ours. */
  private answers = false;

  constructor(
    private readonly status: A1111Status,
    private readonly interruptions: Interruptions,
    private readonly options: Pick<A1111Options, 'idleMs' | 'pollMs'>,
  ) {}

  follow(job: Followed): Following {
    const stop = new AbortController();
    const idle = new AbortController();
    const life = new SignsOfLife(this.options.idleMs, this.answers);
    this.watch(job, life, stop.signal).then(
      () => idle.abort(new EngineError('timeout', 'The Stable Diffusion server stands still.')),
      () => {},
    );
    return { idle: idle.signal, moved: () => life.moved(), stop: () => stop.abort() };
  }

  /** Resolves when the job stands still, and rejects when it is stopped. */
  private async watch(job: Followed, life: SignsOfLife, signal: AbortSignal): Promise<void> {
    let furthest = 0;
    while (!life.faded) {
      await delay(this.options.pollMs, undefined, { signal });
      const { progress, sign } = await this.look(job, signal);
      signal.throwIfAborted();
      if (sign !== 'silent') {
        this.answers = true;
        life.heard();
      }
      if (sign === 'queued') life.moved();
      else if (typeof sign === 'object') life.said(sign.said);
      if (!progress || progress.fraction < furthest) continue;
      furthest = progress.fraction;
      job.report(progress);
    }
  }

  private async look({ jobId, alone }: Followed, signal: AbortSignal): Promise<Look> {
    const task = await this.status.task(jobId, signal);
    if (isStatus(task)) {
      if (task.queued) return { progress: queued, sign: 'queued' };
      if (task.active) return this.lookAtActive(task, signal);
      return { sign: task.completed ? { said: 'completed' } : 'nothing' };
    }
    const all = await this.status.global(signal);
    if (all === 'silent' || (all === 'none' && task === 'silent')) return { sign: 'silent' };
    const idle = all === 'none' || (all.state.job_count === 0 && all.progress === 0);
    if (idle) return { sign: 'nothing' };
    this.interruptions.note(all);
    const look = moving(all.progress, all.eta_relative > 0 ? all.eta_relative : null, all);
    // Whichever of two is drawn: while it moves, both have a reason to wait.
    return alone() ? look : { sign: look.sign };
  }

  private async lookAtActive(task: TaskStatus, signal: AbortSignal): Promise<Look> {
    const all = await this.status.global(signal);
    if (isStatus(all)) this.interruptions.note(all);
    return moving(task.progress ?? 0, task.eta ?? null, isStatus(all) ? all : null);
  }
}

const queued: EngineProgress = {
  fraction: 0,
  step: null,
  steps: null,
  etaSeconds: null,
  queued: true,
};

function moving(fraction: number, etaSeconds: number | null, all: GlobalStatus | null): Look {
  // Until its pictures are counted, the state of a job holds the steps of the one before.
  const state = all && all.state.job_count > 0 && all.state.sampling_steps > 0 ? all.state : null;
  const step = state?.sampling_step ?? null;
  const progress: EngineProgress = {
    fraction: Math.min(1, Math.max(0, fraction)),
    step,
    steps: state?.sampling_steps ?? null,
    etaSeconds,
    queued: false,
  };
  return { progress, sign: { said: `${fraction} ${step}` } };
}
