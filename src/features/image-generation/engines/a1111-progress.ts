import { setTimeout as delay } from 'node:timers/promises';
import type { Interruptions } from './a1111-interruptions.js';
import type { A1111Options } from './a1111-options.js';
import { isStatus, type A1111Status, type GlobalStatus, type TaskStatus } from './a1111-status.js';
import { EngineError } from './engine-errors.js';
import type { EngineProgress } from './image-engine.js';
import { SignsOfLife } from './signs-of-life.js';

export interface Followed {
  jobId: string;
  /** Whether the global progress must be that of our job. */
  alone: () => boolean;
  report: (progress: EngineProgress) => void;
}

export interface Following {
  /** Fires with an EngineError `timeout` when the job no longer shows any sign of life. */
  idle: AbortSignal;
  moved: () => void;
  stop: () => void;
}

/** One look at a job: the progress to report, and a sign that changes while the job moves. */
interface Look {
  progress?: EngineProgress;
  /** `queued`: not our turn; `nothing`: the server answered nothing about the job; `silent`: it did not answer. */
  sign: { said: string } | 'queued' | 'nothing' | 'silent';
}

/** Asks the server for the progress of a job. Reports it, but never a step back. */
export class A1111Progress {
  /** Whether this server has answered a request while it had one of our jobs. */
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
      () =>
        idle.abort(new EngineError('timeout', 'The Stable Diffusion server makes no progress.')),
      () => {},
    );
    return { idle: idle.signal, moved: () => life.moved(), stop: () => stop.abort() };
  }

  /** Resolves when the job makes no progress, rejects when the signal fires. */
  private async watch(job: Followed, life: SignsOfLife, signal: AbortSignal): Promise<void> {
    let furthest = 0;
    while (!life.faded) {
      const { tells } = this.status;
      await delay(tells ? this.options.pollMs : this.pulseMs, undefined, { signal });
      const { progress, sign } = tells ? await this.look(job, signal) : await this.pulse(signal);
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

  private get pulseMs(): number {
    return Math.max(this.options.pollMs, this.options.idleMs / 10);
  }

  private async pulse(signal: AbortSignal): Promise<Look> {
    return { sign: (await this.status.alive(signal)) === 'there' ? 'nothing' : 'silent' };
  }

  private async look({ jobId, alone }: Followed, signal: AbortSignal): Promise<Look> {
    const task = await this.status.task(jobId, signal);
    if (isStatus(task)) {
      if (task.queued) return { progress: queued, sign: 'queued' };
      if (task.active) return this.lookAtActive(task, signal);
      return { sign: task.completed ? { said: 'completed' } : 'nothing' };
    }
    const all = await this.status.global(signal);
    if (all === 'silent' || all === 'absent') return { sign: 'silent' };
    if (all === 'none' && task !== 'none') return { sign: 'silent' };
    const idle = all === 'none' || (all.state.job_count === 0 && all.progress === 0);
    if (idle) return { sign: 'nothing' };
    this.interruptions.note(all);
    const look = moving(all.progress, all.eta_relative > 0 ? all.eta_relative : null, all);
    // With two jobs on the server it is not known which one moves: as long as one does, both may wait.
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
  // Until `job_count` is set, the state of a job holds the steps of the previous one.
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
