import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';

/** Most requests that may wait on one connection: more than any honest client pipelines. */
const mostWaiting = 1_000;

/**
 * Handles the requests of one connection one after the other. Node hands out all that have arrived, so a client that
 * pipelines hundreds would have hundreds in progress at once, and other clients none. A client with more than
 * {@link mostWaiting} waiting requests is disconnected.
 */
export function handleOneAtATime(server: FastifyInstance): void {
  const waiting = new WeakMap<Socket, (() => void)[]>();
  server.addHook('onRequest', (request, reply, done) => {
    const { socket } = request.raw;
    const line = waiting.get(socket);
    if (line && line.length >= mostWaiting) {
      socket.destroy();
      return;
    }
    reply.raw.once('close', () => {
      const next = waiting.get(socket)?.shift();
      if (next) next();
      else waiting.delete(socket);
    });
    if (line) line.push(done);
    else {
      waiting.set(socket, []);
      done();
    }
  });
}
