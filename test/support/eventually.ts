import { setTimeout as delay } from 'node:timers/promises';

/** Far more than anything needs, since a test that waits on a busy machine has not failed. With a mutant most waits are in vain. */
const longestMs = Number(process.env['DARKROOM_TEST_WAIT_MS'] ?? 300_000);

/**
 * Asks until the answer is neither null, undefined nor false.
 *
 * @param withinMs milliseconds
 * @throws Error naming `what` when that takes longer
 */
export async function eventually<T>(
  what: string,
  ask: () => T | Promise<T>,
  withinMs = longestMs,
): Promise<NonNullable<Exclude<T, false>>> {
  const end = performance.now() + withinMs;
  // Short waits end at once, and long ones leave the processor to what they wait for.
  for (let pauseMs = 10; ; pauseMs = Math.min(pauseMs * 1.3, 150)) {
    const answer = await ask();
    if (answer !== null && answer !== undefined && answer !== false) {
      return answer as NonNullable<Exclude<T, false>>;
    }
    if (performance.now() > end) throw new Error(`Not within ${withinMs} ms: ${what}`);
    await delay(pauseMs);
  }
}
