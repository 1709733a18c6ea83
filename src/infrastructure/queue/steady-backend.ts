import { setTimeout as delay } from 'node:timers/promises';
import { createPostgresBackend, createPostgresRelayBackend } from 'bullmq';
import type { Client } from 'pg';
import { SteadyClient } from '../database/steady-client.js';

/** The part of BullMQ's Postgres connection that is changed here. */
interface Connection {
  readyPromise: Promise<void> | undefined;
  /** The module whose client it uses to listen. */
  pgModule: { Client: typeof Client } | undefined;
  waitUntilReady(): Promise<void>;
}

/** The part of BullMQ's backend that waits for a job. */
interface Blocking {
  close(force?: boolean): Promise<void>;
  disconnectBlocking(): Promise<void>;
}

const pauseMs = 1_000;

/**
 * BullMQ never forgets that its first connection to Postgres failed. A queue then never works again, and a worker
 * asks for its next job in a loop without a pause, which blocks the process. Here the next call connects again, and
 * a failure takes a second.
 */
export const steadyBackend: typeof createPostgresBackend = (...args) =>
  endingItsWait(mended(createPostgresBackend(...args)));

export const steadyRelayBackend: typeof createPostgresRelayBackend = (...args) =>
  mended(createPostgresRelayBackend(...args));

function mended<B>(backend: B): B {
  const { connection } = backend as unknown as { connection: Connection };
  // BullMQ's own has no `error` listener before it is connected: a FATAL in that moment ends the process.
  if (connection.pgModule) connection.pgModule = { Client: SteadyClient };
  const ready = connection.waitUntilReady.bind(connection);
  connection.waitUntilReady = async () => {
    const asked = ready();
    const remembered = connection.readyPromise;
    try {
      await asked;
    } catch (error) {
      await delay(pauseMs);
      if (connection.readyPromise === remembered) connection.readyPromise = undefined;
      throw error;
    }
  };
  return backend;
}

/** Otherwise a worker that is closed by force leaves the timer of its wait for a job, for up to 5 s. */
function endingItsWait<B extends Blocking>(backend: B): B {
  const close = backend.close.bind(backend);
  backend.close = async (force) => {
    await backend.disconnectBlocking();
    return close(force);
  };
  return backend;
}
