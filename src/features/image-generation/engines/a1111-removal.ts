import { setTimeout as delay } from 'node:timers/promises';
import { pause } from '../../../common/deadline.js';
import type { Interruptions } from './a1111-interruptions.js';
import { isStatus, type A1111Status } from './a1111-status.js';

/**
 * Removes jobs that nobody waits for from the server. The server's interrupt takes no id and a waiting
 * job cannot be cancelled, so a job is interrupted only while it is being drawn.
 * Without progress by id nothing is interrupted: the job might belong to another client.
 */
export class A1111Removal {
  constructor(
    private readonly status: A1111Status,
    private readonly interruptions: Interruptions,
    private readonly pollMs: number,
  ) {}

  /** Resolves when the job has left the server, the server does not report jobs, or the signal fires. */
  async remove(jobId: string, until: AbortSignal): Promise<void> {
    let interrupted = false;
    let unknown = 0;
    while (!until.aborted) {
      const task = await this.status.task(jobId);
      if (task === 'none' || task === 'absent') return;
      if (task !== 'silent') {
        // If the job is unknown only once, its request may not have arrived yet.
        const absent = !task.active && !task.queued;
        if (absent && (task.completed || ++unknown > 1)) return;
        if (task.active && (await this.isLeftover(jobId))) return;
        if (task.active && !interrupted) interrupted = await this.interrupt(jobId);
      }
      await delay(this.pollMs);
    }
  }

  /**
   * For a server that does not report jobs: resolves when it draws nothing, when it is down (and its jobs are
   * lost), or when the signal fires.
   */
  async idle(until: AbortSignal): Promise<void> {
    while (!until.aborted) {
      const all = await this.status.global();
      if (isStatus(all) ? all.state.job_count === 0 : all === 'absent') return;
      if (all === 'none' && (await this.status.alive()) === 'absent') return;
      await pause(this.pollMs, until);
    }
  }

  /** After a failure A1111 reports a job as active until the next one begins, although nothing runs. */
  private async isLeftover(jobId: string): Promise<boolean> {
    const all = await this.status.global();
    if (!isStatus(all) || all.state.job_count !== 0) return false;
    // A job that succeeds is no longer active when nothing runs.
    const again = await this.status.task(jobId);
    return isStatus(again) && again.active;
  }

  private async interrupt(jobId: string): Promise<boolean> {
    const taken = await this.status.interrupt();
    const task = await this.status.task(jobId);
    if (isStatus(task) && !task.active) {
      // If it ended just before, the interrupt hit the next job, which must be noted.
      const all = await this.status.global();
      if (isStatus(all)) this.interruptions.note(all);
    }
    return taken;
  }
}
