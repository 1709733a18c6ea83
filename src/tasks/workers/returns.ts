import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { messageOf } from '../../common/message-of.js';
import { logName } from '../definitions/log-name.js';
import { TaskHints } from '../hints/task-hints.js';
import type { ClaimedTask } from '../ledger/ledger-rows.js';
import { TaskLeases } from '../ledger/task-leases.js';
import { TaskTransitions } from '../ledger/task-transitions.js';

/** Pause between two attempts to reach the ledger. Milliseconds. */
const againMs = 500;

/**
 * Gives back tasks whose end could not be written, as soon as the ledger can be reached again. Without this
 * their leases would expire, and that would count as a crash although the worker is alive.
 */
@Injectable()
export class Returns implements OnApplicationShutdown {
  private readonly log = new Logger('Tasks');
  private readonly tasks = new Set<ClaimedTask>();
  private timer: NodeJS.Timeout | undefined;
  private closed = false;

  constructor(
    private readonly transitions: TaskTransitions,
    private readonly leases: TaskLeases,
    private readonly hints: TaskHints,
  ) {}

  add(task: ClaimedTask): void {
    this.tasks.add(task);
    this.soon(0);
  }

  onApplicationShutdown(): void {
    this.closed = true;
    clearTimeout(this.timer);
  }

  private soon(ms: number): void {
    if (this.closed) return;
    this.timer ??= setTimeout(() => void this.giveBack(), ms);
  }

  private async giveBack(): Promise<void> {
    for (const task of this.tasks) {
      try {
        await this.giveOneBack(task);
        this.tasks.delete(task);
      } catch (error) {
        this.log.debug(`${logName(task)} is not given back yet: ${messageOf(error)}`);
        break;
      }
    }
    this.timer = undefined;
    if (this.tasks.size > 0) this.soon(againMs);
  }

  private async giveOneBack(task: ClaimedTask): Promise<void> {
    if (!(await this.transitions.release(task))) return this.leases.survived(task);
    this.log.log(`${logName(task)} goes back to the queue: its end was not written`);
    // The hint was delayed and will be looked at anyway; this only makes it sooner.
    await this.hints.again(task.queue, [task]).catch(() => {});
  }
}
