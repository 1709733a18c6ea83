import { isStatus, type A1111Status, type GlobalStatus } from './a1111-status.js';

const remembered = 50;

/**
 * Finds pictures that another client's interrupt or skip left half-denoised. A1111 answers 200 with
 * them, and its answer does not say so. Its global state does, until the next job begins. That state
 * and the answer contain the start time of the job, which links the two.
 *
 * It misses an interrupt in the last two steps, an interrupt of a job so short that the next one began
 * before we looked, and servers without `job_timestamp`. It has two false positives, which cost a second
 * drawing: a picture whose interrupt came after its last step, since A1111 no longer reports the steps
 * then; and, rarely, one that began in the same second as an interrupted one, since start times are
 * whole seconds.
 */
export class Interruptions {
  private readonly cutShort = new Set<string>();

  constructor(private readonly status: A1111Status) {}

  /** Notes a running job that was told to stop. */
  note({ state }: GlobalStatus): void {
    if (state.job_count === 0 || !isCutShort(state) || !state.job_timestamp) return;
    this.cutShort.add(state.job_timestamp);
    if (this.cutShort.size > remembered) this.cutShort.delete([...this.cutShort][0]!);
  }

  /** Whether the job that has just answered, and began at this time, was stopped before its end. */
  async hit(jobTimestamp: string | undefined, signal: AbortSignal): Promise<boolean> {
    if (!jobTimestamp) return false;
    if (this.cutShort.delete(jobTimestamp)) return true;
    const now = await this.status.global(signal);
    return isStatus(now) && now.state.job_timestamp === jobTimestamp && isCutShort(now.state);
  }
}

/** Steps count from 0, and the last one may be in progress while the job runs. */
function isCutShort(state: GlobalStatus['state']): boolean {
  const stepToBeSure = state.sampling_steps - (state.job_count === 0 ? 1 : 2);
  return (state.interrupted || state.skipped || false) && state.sampling_step < stepToBeSure;
}
