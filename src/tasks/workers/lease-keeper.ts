import { Inject, Injectable, Logger } from '@nestjs/common';
import { messageOf } from '../../common/message-of.js';
import { SETTINGS, type Settings } from '../../config/config.module.js';
import { LeaseLost, TaskRevoked } from '../definitions/task-errors.js';
import type { Fence } from '../ledger/ledger-rows.js';
import { TaskLeases } from '../ledger/task-leases.js';
import type { AttemptAbort } from '../running/attempt-abort.js';

interface Held extends Fence {
  abort: AttemptAbort;
  /** When the lease was last renewed, in monotonic milliseconds. */
  renewedAt: number;
  /** Aborts the task when the lease is over, even if the database hangs and returns no error. */
  end: NodeJS.Timeout;
}

/**
 * Renews the leases of all tasks that run in this process, with one statement three times per lease. A task
 * that has lost its lease is aborted, because another worker may have it. So is one whose lease the database
 * has not renewed for its whole length, by this process's own clock.
 */
@Injectable()
export class LeaseKeeper {
  private readonly log = new Logger('Leases');
  private readonly held = new Set<Held>();
  private timer: NodeJS.Timeout | undefined;
  /** When the current renewal began, in monotonic milliseconds; undefined: none is running. */
  private askedAt: number | undefined;
  /** Number of attempts that this process has stopped because their lease was lost. */
  losses = 0;

  constructor(
    private readonly leases: TaskLeases,
    @Inject(SETTINGS) private readonly settings: Settings,
  ) {}

  /** Renews a lease until the returned function is called. */
  keep(fence: Fence, abort: AttemptAbort): () => void {
    const held: Held = {
      ...fence,
      abort,
      renewedAt: performance.now(),
      end: setTimeout(() => this.silent(held), this.settings.leaseMs),
    };
    this.held.add(held);
    this.timer ??= setInterval(() => void this.renew(), this.settings.leaseMs / 3);
    return () => {
      clearTimeout(held.end);
      this.held.delete(held);
      if (this.held.size > 0) return;
      clearInterval(this.timer);
      this.timer = undefined;
    };
  }

  private async renew(): Promise<void> {
    const askedAt = performance.now();
    // While the database hangs, each further statement would occupy another connection.
    if (this.askedAt !== undefined && askedAt - this.askedAt < this.settings.leaseMs) return;
    this.askedAt = askedAt;
    const asked = [...this.held];
    try {
      const renewed = await this.leases.renew(asked);
      for (const held of asked) {
        const revoke = renewed.get(held.id);
        if (revoke === undefined) this.lose(held, 'another worker may have the task');
        else this.renewed(held, askedAt);
        // The message about the revocation may have been lost.
        if (revoke) held.abort.abort(new TaskRevoked(revoke));
      }
    } catch (error) {
      this.log.warn(`Could not renew leases: ${messageOf(error)}`);
    } finally {
      if (this.askedAt === askedAt) this.askedAt = undefined;
    }
  }

  private renewed(held: Held, at: number): void {
    if (!this.held.has(held)) return;
    held.renewedAt = Math.max(held.renewedAt, at);
    clearTimeout(held.end);
    const left = held.renewedAt + this.settings.leaseMs - performance.now();
    held.end = setTimeout(() => this.silent(held), Math.max(0, left));
  }

  private silent(held: Held): void {
    this.lose(held, 'the database has not renewed the lease in time');
  }

  private lose(held: Held, why: string): void {
    // A task that ended while the statement was running has no lease and needs none.
    if (!this.held.has(held) || held.abort.stopped.aborted) return;
    this.losses += 1;
    this.log.warn(`Task ${held.id}, attempt ${held.attempt}: stopping it here: ${why}`);
    held.abort.abort(new LeaseLost(why));
  }
}
