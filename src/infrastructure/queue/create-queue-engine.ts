import { PostgresQueueEngine } from './postgres-queue-engine.js';
import type { QueueEngine } from './queue-engine.js';
import { RedisQueueEngine } from './redis-queue-engine.js';

/** The scheme of the URL picks the engine. */
export function createQueueEngine(url: string): QueueEngine {
  return /^rediss?:/.test(url) ? new RedisQueueEngine(url) : new PostgresQueueEngine(url);
}
