import {
  HardTimeLimitExceeded,
  LeaseLost,
  SoftTimeLimitExceeded,
  WorkerStopping,
} from '../task-errors.js';
import type { TaskDefinition } from '../task-definition.js';

/** After the worker or the lease is gone, a handler gets this long to notice its signal. */
export const noticeMs = 2_000;

/**
 * Runs `work` within the definition's time limits. Whatever `work` does, the returned promise
 * settles: at the hard limit with `HardTimeLimitExceeded`, and soon after a lost lease or a stopping
 * worker with that reason. Work that goes on after that is left alone; its fence is stale.
 */
export async function withinLimits<T>(
  definition: TaskDefinition,
  abort: AbortController,
  work: () => Promise<T>,
): Promise<T> {
  const { softTimeLimitMs, hardTimeLimitMs } = definition;
  const timers: NodeJS.Timeout[] = [];
  const after = (ms: number, then: () => void) => timers.push(setTimeout(then, ms));
  const ended = new Promise<never>((_, reject) => {
    after(softTimeLimitMs, () => abort.abort(new SoftTimeLimitExceeded(softTimeLimitMs)));
    after(hardTimeLimitMs, () => {
      const error = new HardTimeLimitExceeded(hardTimeLimitMs);
      abort.abort(error);
      reject(error);
    });
    abort.signal.addEventListener('abort', () => {
      const reason: unknown = abort.signal.reason;
      if (isStopped(reason)) after(noticeMs, () => reject(reason));
    });
  });
  try {
    return await Promise.race([work(), ended]);
  } finally {
    timers.forEach(clearTimeout);
  }
}

/** The attempt ends here, but the task does not. */
export function isStopped(reason: unknown): reason is LeaseLost | WorkerStopping {
  return reason instanceof LeaseLost || reason instanceof WorkerStopping;
}
