const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

/** Waits before the second and each later attempt; the last one is a day after the first. */
const waitsMs = [
  5_000,
  5 * minuteMs,
  30 * minuteMs,
  2 * hourMs,
  5 * hourMs,
  8 * hourMs,
  8 * hourMs + 25 * minuteMs,
];

/**
 * @param attempts how many there were
 * @param askedMs what the receiver asked for
 * @returns milliseconds until the next one; null: that was the last
 */
export function retryWaitMs(
  attempts: number,
  askedMs: number,
  random = Math.random,
): number | null {
  const waitMs = waitsMs[attempts - 1];
  if (waitMs === undefined) return null;
  return Math.round(Math.max(waitMs, askedMs) * (1 + 0.1 * random()));
}

/**
 * How long a host that has answered is left alone, in milliseconds: not at all, or twenty times as long as it took. So a
 * slow one takes a worker for a twentieth of the time at most.
 */
export function restMs(latencyMs: number): number {
  return latencyMs < 1_000 ? 0 : 20 * latencyMs;
}

/** How long a host that is in trouble is left alone, in milliseconds. @param failures one after the other */
export function pauseMs(failures: number, askedMs: number): number {
  return Math.max(Math.min(10 * minuteMs, 5_000 * 2 ** Math.min(failures - 1, 10)), askedMs);
}
