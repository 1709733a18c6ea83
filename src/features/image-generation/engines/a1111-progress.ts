import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import type { A1111Http } from './a1111-http.js';
import type { EngineProgress } from './image-engine.js';

const pollMs = 500;
const pollDeadlineMs = 2_000;
const orphanDeadlineMs = 10_000;

const taskProgress = z.object({
  active: z.boolean(),
  queued: z.boolean(),
  completed: z.boolean(),
  progress: z.number().nullish(),
  eta: z.number().nullish(),
});
const globalProgress = z.object({
  progress: z.number(),
  eta_relative: z.number(),
  state: z.object({ job_count: z.number(), sampling_step: z.number(), sampling_steps: z.number() }),
});

/** Asks the server how far a job is. Knows nothing when the server does not say. */
export class A1111Progress {
  constructor(private readonly http: A1111Http) {}

  /** Reports until the returned function is called. `alone`: the global progress can only be ours. */
  follow(jobId: string, alone: () => boolean, report: (p: EngineProgress) => void): () => void {
    const stop = new AbortController();
    void (async () => {
      while (!stop.signal.aborted) {
        await delay(pollMs, undefined, { signal: stop.signal });
        const progress = await this.ask(jobId, alone, stop.signal);
        if (progress && !stop.signal.aborted) report(progress);
      }
    })().catch(() => {});
    return () => stop.abort();
  }

  /**
   * Stops what earlier attempts of the same task left running, and waits until it is gone, ten
   * seconds at most: the GPU must not draw the same picture twice.
   */
  async stopOrphans(jobIds: string[], signal: AbortSignal): Promise<void> {
    const end = performance.now() + orphanDeadlineMs;
    for (const jobId of jobIds.slice(-3)) {
      let interrupted = false;
      for (;;) {
        const job = await this.task(jobId, signal);
        if (!job || (!job.active && !job.queued) || performance.now() > end) break;
        if (job.active && !interrupted) {
          await this.interrupt();
          interrupted = true;
        }
        await delay(200, undefined, { signal });
      }
    }
  }

  /** Interrupts the job if it is the one being drawn: the server's interrupt knows no ids. */
  async stop(jobId: string): Promise<void> {
    const job = await this.task(jobId);
    if (job?.active) await this.interrupt();
  }

  private async ask(
    jobId: string,
    alone: () => boolean,
    signal: AbortSignal,
  ): Promise<EngineProgress | null> {
    const job = await this.task(jobId, signal);
    if (!job && !alone()) return null;
    const all = !job || job.active ? await this.global(signal) : null;
    const step = all && (alone() || job?.active) ? all.state : null;
    const fraction = job ? (job.progress ?? 0) : (all?.progress ?? 0);
    return {
      fraction: Math.min(1, Math.max(0, fraction)),
      step: step && step.sampling_steps > 0 ? step.sampling_step : null,
      steps: step && step.sampling_steps > 0 ? step.sampling_steps : null,
      etaSeconds: job?.eta ?? (all && all.eta_relative > 0 ? all.eta_relative : null),
      queued: job?.queued ?? false,
    };
  }

  private async task(jobId: string, signal?: AbortSignal) {
    const body = { id_task: jobId, live_preview: false };
    const answer = await this.http
      .post('/internal/progress', body, pollDeadlineMs, signal)
      .catch(() => null);
    return answer?.status === 200 ? (taskProgress.safeParse(answer.data).data ?? null) : null;
  }

  private async global(signal: AbortSignal) {
    const answer = await this.http
      .get('/sdapi/v1/progress?skip_current_image=true', pollDeadlineMs, signal)
      .catch(() => null);
    return answer?.status === 200 ? (globalProgress.safeParse(answer.data).data ?? null) : null;
  }

  private async interrupt(): Promise<void> {
    await this.http.post('/sdapi/v1/interrupt', {}, pollDeadlineMs).catch(() => null);
  }
}
