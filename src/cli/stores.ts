import { within } from '../common/deadline.js';
import { messageOf } from '../common/message-of.js';
import { addressOf, type QueueEngine } from '../infrastructure/queue/queue-engine.js';
import { SteadyClient } from '../infrastructure/database/steady-client.js';
import { createQueueEngine } from '../infrastructure/queue/create-queue-engine.js';
import { CliError, exitCodes } from './exit.js';

const patienceMs = 5_000;

/** Tries once, because a person is waiting; the services would try for a minute. @throws CliError */
export async function checkDatabase(url: string): Promise<void> {
  const client = new SteadyClient({
    connectionString: url,
    connectionTimeoutMillis: patienceMs,
    statement_timeout: patienceMs - 1_000,
    query_timeout: patienceMs,
  });
  try {
    await client.connect();
    await client.query('SELECT 1');
  } catch (error) {
    throw unreachable('database', url, error);
  } finally {
    await client.end().catch(() => {});
  }
}

/** @returns milliseconds of the round trip @throws CliError */
export async function pingQueue(engine: QueueEngine): Promise<number> {
  const began = performance.now();
  try {
    await within(patienceMs, engine.ping());
    return performance.now() - began;
  } catch (error) {
    throw unreachable('queue', engine.address, error);
  }
}

/** An engine that answers and has its tables. @throws CliError */
export async function openEngine(url: string): Promise<QueueEngine> {
  const engine = createQueueEngine(url);
  try {
    await pingQueue(engine);
    await engine.prepare();
    return engine;
  } catch (error) {
    await engine.close().catch(() => {});
    throw error;
  }
}

function unreachable(what: string, url: string, error: unknown): CliError {
  return new CliError(
    `The ${what} at ${addressOf(url)} cannot be reached: ${messageOf(error)}.`,
    exitCodes.unreachable,
  );
}
