import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { messageOf } from '../../common/message-of.js';
import { TaskHints } from '../task-hints.js';
import type { ClaimedTask } from '../ledger-rows.js';
import { TaskLedger } from '../task-ledger.js';

/** Between two tries to reach the ledger. Milliseconds. */
const againMs = 500;

/**
 * Gives back tasks whose end could not be written, as soon as the ledger can be reached again. Who lives
 * to say so has not crashed, and nobody shall count it.
 */
@Injectable()
export class Returns implements OnApplicationShutdown {
  private readonly log = new Logger('Tasks');
  private readonly tasks = new Set<ClaimedTask>();
  private timer: NodeJS.Timeout | undefined;
  private closed = false;

  constructor(
    private readonly ledger: TaskLedger,
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
        this.log.debug(`Task ${task.id} is not given back yet: ${messageOf(error)}`);
        break;
      }
    }
    this.timer = undefined;
    if (this.tasks.size > 0) this.soon(againMs);
  }

  private async giveOneBack(task: ClaimedTask): Promise<void> {
    if (!(await this.ledger.release(task))) return this.ledger.survived(task);
    this.log.log(`Task ${task.id} (${task.name}) goes back to the queue: its end was not written`);
    // Another look at the ledger is under way already; this one only makes it sooner.
    await this.hints.again(task.queue, [task]).catch(() => {});
  }
}
