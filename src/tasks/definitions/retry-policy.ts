/** When a failed task runs again. */
export interface RetryPolicy {
  /** Most retries after the first attempt. Crashes of a worker are counted separately. */
  max: number;
  /** Milliseconds before the first retry. */
  delayMs: number;
  /** `fixed`: always `delayMs`; `exponential`: doubled each time. */
  backoff: 'fixed' | 'exponential';
  /** Longest delay of an exponential backoff, milliseconds. */
  maxDelayMs: number;
  /** 0 to 1: the part of each delay that is random, so that many tasks do not come back at once. */
  jitter: number;
}

/** The original's defaults: 3 retries, 60 s apart. */
export const defaultRetry: RetryPolicy = {
  max: 3,
  delayMs: 60_000,
  backoff: 'fixed',
  maxDelayMs: 3_600_000,
  jitter: 0,
};

/** How long to wait before retry number `retry` (1 is the first), in milliseconds. */
export function retryDelayMs(policy: RetryPolicy, retry: number, random = Math.random): number {
  const full =
    policy.backoff === 'fixed'
      ? policy.delayMs
      : Math.min(policy.maxDelayMs, policy.delayMs * 2 ** Math.min(retry - 1, 30));
  return Math.round(full * (1 - policy.jitter * random()));
}
