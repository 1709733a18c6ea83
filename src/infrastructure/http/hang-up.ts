import type { FastifyReply } from 'fastify';

/** Fires when the client has closed its connection before it had its answer. */
export function hungUp(reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  // Also closed after a whole answer; nobody waits by then.
  reply.raw.once('close', () => controller.abort());
  return controller.signal;
}
