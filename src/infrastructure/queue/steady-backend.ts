import { setTimeout as delay } from 'node:timers/promises';
import { createPostgresBackend, createPostgresRelayBackend } from 'bullmq';
import type { Client } from 'pg';
import { SteadyClient } from '../database/steady-client.js';

/** The part of BullMQ's Postgres connection that is mended here. */
interface Connection {
  readyPromise: Promise<void> | undefined;
  /** Where it takes the client from that listens. */
  pgModule: { Client: typeof Client } | undefined;
  waitUntilReady(): Promise<void>;
}

const pauseMs = 1_000;

/**
 * BullMQ remembers for ever that its first connection to Postgres failed. A queue then never works
 * again, and a worker asks for its next job in a loop without a pause, which stops the process for
 * good. Here the next question connects anew, and a failure takes a moment.
 */
export const steadyBackend: typeof createPostgresBackend = (...args) =>
  mended(createPostgresBackend(...args));

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
