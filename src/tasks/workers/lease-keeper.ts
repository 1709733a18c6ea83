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
}

/**
 * Renews the leases of all tasks running in this process, in one statement three times a lease. A
 * task whose lease is gone is aborted: another worker may have it. The same when the database has
 * not answered for a whole lease.
 */
@Injectable()
export class LeaseKeeper {
  private readonly log = new Logger('Leases');
  private readonly held = new Set<Held>();
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly ledger: TaskLedger,
    @Inject(SETTINGS) private readonly settings: Settings,
  ) {}

  /** Keeps the lease until the returned function is called. */
  keep(fence: Fence, abort: AbortController): () => void {
    const held = { ...fence, abort, renewedAt: performance.now() };
    this.held.add(held);
    this.timer ??= setInterval(() => void this.renew(), this.settings.leaseMs / 3);
    return () => {
      this.held.delete(held);
      if (this.held.size > 0) return;
      clearInterval(this.timer);
      this.timer = undefined;
    };
  }

  private async renew(): Promise<void> {
    const asked = [...this.held];
    const askedAt = performance.now();
    try {
      const renewed = await this.ledger.renew(asked);
      for (const held of asked) {
        const revoke = renewed.get(held.id);
        if (revoke === undefined) this.lose(held);
        else held.renewedAt = askedAt;
        // The message about it may have been lost.
        if (revoke) held.abort.abort(new TaskRevoked(revoke));
      }
    } catch (error) {
      this.log.warn(`Could not renew leases: ${messageOf(error)}`);
      for (const held of asked) {
        if (askedAt - held.renewedAt > this.settings.leaseMs) this.lose(held);
      }
    }
  }

  private lose(held: Held): void {
    // A task that ended while the statement ran has no lease, and needs none.
    if (!this.held.has(held)) return;
    this.log.warn(`Task ${held.id}, attempt ${held.attempt}: lease lost, stopping it here`);
    held.abort.abort(new LeaseLost('another worker may have the task'));
  }
}
