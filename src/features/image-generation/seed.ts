import { randomInt } from 'node:crypto';

/**
 * Some engines read a signed 32-bit number and replace a larger one with their own seed. A batch counts
 * up from its seed, so the last picture's seed must be in range too.
 */
export function chosenSeed(batchSize: number): number {
  return randomInt(2 ** 31 - batchSize + 1);
}
