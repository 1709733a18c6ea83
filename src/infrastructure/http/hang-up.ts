import type { FastifyReply } from 'fastify';

/** Fires when the client closes its connection before it has the response. */
export function hungUp(reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  // The connection also closes after a complete response; nobody is waiting by then.
  reply.raw.once('close', () => controller.abort());
  return controller.signal;
}
