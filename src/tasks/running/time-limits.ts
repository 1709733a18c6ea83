import { deadline, onAbort, within, type Deadline } from '../../common/deadline.js';
import type { PausableLimits } from '../definitions/task-context.js';
import {
  HardTimeLimitExceeded,
  SoftTimeLimitExceeded,
  TaskRevoked,
} from '../definitions/task-errors.js';
import type { TimeLimits } from '../limits/task-limits.js';
import type { AttemptAbort, StopReason } from './attempt-abort.js';

/** How long a handler gets to notice its signal after its lease was lost or its worker stops. Milliseconds. */
export const noticeMs = 2_000;

/** What a handler did to its time limits. */
export type LimitChange = 'paused' | 'restarted';

/**
 * Runs `work` within the time limits. Whatever `work` does, the returned promise settles: at the hard limit
 * it rejects with `HardTimeLimitExceeded`, and soon after a lost lease, a stopping worker or a revocation it
 * rejects with that reason. Work that goes on afterwards is ignored; it can no longer write anything.
 *
 * @param changed called when `work` pauses or restarts its limits, unless that has no effect
 */
export async function withinLimits<T>(
  limits: TimeLimits,
  abort: AttemptAbort,
  work: (limits: PausableLimits) => Promise<T>,
  changed: (change: LimitChange) => void = () => {},
): Promise<T> {
  const end = new AbortController();
  const clock = new LimitTimers(limits, abort, end);
  const forget = onAbort(abort.stopped, () => {
    const reason = abort.stopped.reason as StopReason;
    clock.after(graceMsOf(reason), () => end.abort(reason));
  });
  const change = (how: LimitChange) => {
    if (clock[how]()) changed(how);
  };
  const pausable = { pause: () => change('paused'), restart: () => change('restarted') };
  try {
    // Starts `work` in a promise callback: if it threw right here, later rejections would be unhandled.
    const working = Promise.resolve().then(() => work(pausable));
    return await within(Infinity, working, undefined, end.signal);
  } finally {
    forget();
    clock.end();
  }
}

/** The timers of the two limits. Pausing or restarting has no effect after the soft limit or after the end. */
class LimitTimers {
  private readonly timers: Deadline[] = [];
  private over = false;

  /** @param ending is aborted at the hard limit */
  constructor(
    private readonly limits: TimeLimits,
    private readonly abort: AttemptAbort,
    private readonly ending: AbortController,
  ) {
    this.start();
  }

  paused(): boolean {
    if (this.over || this.abort.signal.aborted) return false;
    this.clear();
    return true;
  }

  restarted(): boolean {
    if (!this.paused()) return false;
    this.start();
    return true;
  }

  end(): void {
    this.over = true;
    this.clear();
  }

  private start(): void {
    const { softTimeLimitMs, hardTimeLimitMs } = this.limits;
    this.after(softTimeLimitMs, () => this.abort.abort(new SoftTimeLimitExceeded(softTimeLimitMs)));
    this.after(hardTimeLimitMs, () => {
      const error = new HardTimeLimitExceeded(hardTimeLimitMs);
      this.abort.abort(error);
      this.ending.abort(error);
    });
  }

  after(ms: number, then: () => void): void {
    const timer = deadline(ms);
    onAbort(timer.signal, then);
    this.timers.push(timer);
  }

  private clear(): void {
    for (const timer of this.timers.splice(0)) timer.clear();
  }
}

function graceMsOf(reason: StopReason): number {
  return reason instanceof TaskRevoked ? reason.request.graceMs : noticeMs;
}
