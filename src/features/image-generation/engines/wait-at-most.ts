import { setTimeout as delay } from 'node:timers/promises';

/** Waits for work that goes on after that, until it ends, the time is over or the signal fires. */
export async function waitAtMost(
  ms: number,
  work: Promise<unknown>,
  signal?: AbortSignal,
): Promise<void> {
  // Not AbortSignal.any: Node 20 may collect it as garbage, and then the timer outlives the wait.
  const over = new AbortController();
  const end = () => over.abort();
  signal?.addEventListener('abort', end, { once: true });
  if (signal?.aborted) end();
  await Promise.race([work, delay(ms, undefined, { signal: over.signal }).catch(() => {})]);
  signal?.removeEventListener('abort', end);
  end();
}
