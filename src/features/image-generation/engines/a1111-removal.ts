import { setTimeout as delay } from 'node:timers/promises';
import type { Interruptions } from './a1111-interruptions.js';
import { isStatus, type A1111Status } from './a1111-status.js';

/**
 * Takes jobs that nobody waits for off the server. The server's interrupt knows no ids and a waiting
 * job cannot be withdrawn, so a job is interrupted when it is the one being drawn, and never before.
 * Without progress by id nothing is interrupted: it might be somebody else's.
 */
export class A1111Removal {
  constructor(
    private readonly status: A1111Status,
    private readonly interruptions: Interruptions,
    private readonly pollMs: number,
  ) {}

  /** Resolves when the job has left the server, the server does not say, or the signal fires. */
  async remove(jobId: string, until: AbortSignal): Promise<void> {
    let interrupted = false;
    let unknown = 0;
    while (!until.aborted) {
      const task = await this.status.task(jobId);
      if (task === 'none') return;
      if (task !== 'silent') {
        // Unknown once may mean that the request is on its way still.
        const absent = !task.active && !task.queued;
        if (absent && (task.completed || ++unknown > 1)) return;
        if (task.active && (await this.isLeftover(jobId))) return;
        if (task.active && !interrupted) interrupted = await this.interrupt(jobId);
      }
      await delay(this.pollMs);
    }
  }

  /** After a failure A1111 calls a job active until the next one begins, although nothing runs. */
  private async isLeftover(jobId: string): Promise<boolean> {
    const all = await this.status.global();
    if (!isStatus(all) || all.state.job_count !== 0) return false;
    // A job that ends well is no longer active by the time nothing runs.
    const again = await this.status.task(jobId);
    return isStatus(again) && again.active;
  }

  private async interrupt(jobId: string): Promise<boolean> {
    const taken = await this.status.interrupt();
    const task = await this.status.task(jobId);
    if (isStatus(task) && !task.active) {
      // It may have ended a moment before: then the interrupt hit the next job, which must know.
      const all = await this.status.global();
      if (isStatus(all)) this.interruptions.note(all);
    }
    return taken;
  }
}
