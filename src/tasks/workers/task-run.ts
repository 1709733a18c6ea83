import { onAbort } from '../../common/deadline.js';
import {
  HardTimeLimitExceeded,
  LeaseLost,
  SoftTimeLimitExceeded,
  TaskRevoked,
  WorkerStopping,
} from '../task-errors.js';

/** After the worker or the lease is gone, a handler gets this long to notice its signal. */
export const noticeMs = 2_000;

/** 24 days; a limit above it is none. Milliseconds. */
export const longestTimerMs = 2 ** 31 - 1;

/** Milliseconds. */
export interface TimeLimits {
  softTimeLimitMs: number;
  hardTimeLimitMs: number;
}

/**
 * Runs `work` within the time limits. Whatever `work` does, the returned promise
 * settles: at the hard limit with `HardTimeLimitExceeded`, and soon after a lost lease, a stopping worker
 * or a revocation with that reason. Work that goes on after that is left alone; its fence is stale.
 */
export async function withinLimits<T>(
  { softTimeLimitMs, hardTimeLimitMs }: TimeLimits,
  abort: AbortController,
  work: () => Promise<T>,
): Promise<T> {
  const timers: NodeJS.Timeout[] = [];
  let forget = () => {};
  const after = (ms: number, then: () => void) => {
    // Node lets a longer timer fire at once.
    if (ms <= longestTimerMs) timers.push(setTimeout(then, ms));
  };
  const ended = new Promise<never>((_, reject) => {
    after(softTimeLimitMs, () => abort.abort(new SoftTimeLimitExceeded(softTimeLimitMs)));
    after(hardTimeLimitMs, () => {
      const error = new HardTimeLimitExceeded(hardTimeLimitMs);
      abort.abort(error);
      reject(error);
    });
    forget = onAbort(abort.signal, () => {
      const reason: unknown = abort.signal.reason;
      if (isStopped(reason)) after(graceMsOf(reason), () => reject(reason));
    });
  });
  try {
    // Work that throws before its first await must leave nobody to miss what `ended` says later.
    return await Promise.race([Promise.resolve().then(work), ended]);
  } finally {
    timers.forEach(clearTimeout);
    forget();
  }
}

/** The attempt was ended from outside; its handler has no say in what becomes of the task. */
export function isStopped(reason: unknown): reason is LeaseLost | WorkerStopping | TaskRevoked {
  return (
    reason instanceof LeaseLost || reason instanceof WorkerStopping || reason instanceof TaskRevoked
  );
}

function graceMsOf(reason: LeaseLost | WorkerStopping | TaskRevoked): number {
  return reason instanceof TaskRevoked ? reason.request.graceMs : noticeMs;
}
