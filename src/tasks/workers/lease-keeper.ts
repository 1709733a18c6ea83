import { Inject, Injectable, Logger } from '@nestjs/common';
import { messageOf } from '../../common/message-of.js';
import { SETTINGS, type Settings } from '../../config/config.module.js';
import { LeaseLost, TaskRevoked } from '../task-errors.js';
import type { Fence } from '../ledger-rows.js';
import { TaskLedger } from '../task-ledger.js';

interface Held extends Fence {
  abort: AbortController;
  /** Monotonic milliseconds. */
  renewedAt: number;
  /** Ends the task when nothing else does: a database that hangs answers nothing, not even an error. */
  end: NodeJS.Timeout;
}

/**
 * Renews the leases of all tasks running in this process, in one statement three times a lease. A
 * task whose lease is gone is aborted: another worker may have it. The same when the database has
 * not answered for a whole lease, by a clock of our own.
 */
@Injectable()
export class LeaseKeeper {
  private readonly log = new Logger('Leases');
  private readonly held = new Set<Held>();
  private timer: NodeJS.Timeout | undefined;
  /** When the renewal began that is under way. Monotonic milliseconds. */
  private askedAt: number | undefined;

  constructor(
    private readonly ledger: TaskLedger,
    @Inject(SETTINGS) private readonly settings: Settings,
  ) {}

  /** Keeps the lease until the returned function is called. */
  keep(fence: Fence, abort: AbortController): () => void {
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
    // Questions that hang would take one connection after the other.
    if (this.askedAt !== undefined && askedAt - this.askedAt < this.settings.leaseMs) return;
    this.askedAt = askedAt;
    const asked = [...this.held];
    try {
      const renewed = await this.ledger.renew(asked);
      for (const held of asked) {
        const revoke = renewed.get(held.id);
        if (revoke === undefined) this.lose(held, 'another worker may have the task');
        else this.renewed(held, askedAt);
        // The message about it may have been lost.
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
    // A task that ended while the statement ran has no lease, and needs none.
    if (!this.held.has(held) || held.abort.signal.aborted) return;
    this.log.warn(`Task ${held.id}, attempt ${held.attempt}: stopping it here: ${why}`);
    held.abort.abort(new LeaseLost(why));
  }
}
