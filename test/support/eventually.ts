import { setTimeout as delay } from 'node:timers/promises';

/**
 * Asks until the answer is neither null, undefined nor false.
 *
 * @throws Error naming `what` when that takes longer than `withinMs`
 */
export async function eventually<T>(
  what: string,
  ask: () => T | Promise<T>,
  withinMs = 30_000,
): Promise<NonNullable<Exclude<T, false>>> {
  const end = performance.now() + withinMs;
  for (;;) {
    const answer = await ask();
    if (answer !== null && answer !== undefined && answer !== false) {
      return answer as NonNullable<Exclude<T, false>>;
    }
    if (performance.now() > end) throw new Error(`Not within ${withinMs} ms: ${what}`);
    await delay(20);
  }
}
