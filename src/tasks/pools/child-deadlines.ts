import { deadline, onAbort, type Deadline } from '../../common/deadline.js';
import { HardTimeLimitExceeded } from '../definitions/task-errors.js';
import { answerMs } from './abort-reasons.js';
import type { PoolChild } from './pool-child.js';

/** Timers that kill a child unless it answers in time. The first one that fires gives the reason. */
export class ChildDeadlines {
  private readonly ends: Deadline[] = [];
  private hard: Deadline | undefined;
  killedFor: Error | undefined;

  constructor(private readonly child: PoolChild) {}

  killAfter(ms: number, signal: NodeJS.Signals, reason: Error): Deadline {
    const end = deadline(ms);
    onAbort(end.signal, () => {
      this.killedFor ??= reason;
      this.child.kill(signal);
    });
    this.ends.push(end);
    return end;
  }

  /** Replaces the hard limit: milliseconds from now; `Infinity`: none. */
  hardLimit(ms: number): void {
    this.hard?.clear();
    this.hard = this.killAfter(ms + answerMs, 'SIGKILL', new HardTimeLimitExceeded(ms));
  }

  clear(): void {
    for (const end of this.ends) end.clear();
  }
}
