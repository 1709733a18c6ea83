import { describe } from '@jest/globals';
import type { QueueEngineName } from './queue-engines.js';
import { hasRedis } from './stores.js';

/** The same suite on both queue engines. */
export function onBothQueueEngines(name: string, suite: (engine: QueueEngineName) => void): void {
  describe(`${name}, queue in Postgres`, () => suite('postgres'));
  // Without Redis: see the last line of the output.
  (hasRedis ? describe : describe.skip)(`${name}, queue in Redis`, () => suite('redis'));
}
