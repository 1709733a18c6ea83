import { randomInt } from 'node:crypto';

/**
 * Some engines read a signed 32-bit number and draw a larger one with a seed of their own. A batch counts
 * up from its seed, so the last picture's must be in reach as well.
 */
export function chosenSeed(batchSize: number): number {
  return randomInt(2 ** 31 - batchSize + 1);
}
