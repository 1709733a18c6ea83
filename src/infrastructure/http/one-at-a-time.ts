import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { UnavailableError } from '../../common/app-error.js';

/** Most requests that may wait on one connection: more than any honest client pipelines. */
const mostWaiting = 1_000;
/** Most requests that a process has at once, those in line too. Each may need 80 KB for its headers and its body. */
const mostAtOnce = 5_000;

class OverloadedError extends UnavailableError {
  constructor() {
    super('Too many requests are in progress just now.');
  }
}

/** The requests of a connection. */
interface Line {
  /** In progress or waiting. */
  length: number;
  waiting: (() => void)[];
}

/**
 * Handles the requests of one connection one after the other. Node hands out all that have arrived, so a client that
 * pipelines hundreds would have hundreds in progress at once, and other clients none.
 *
 * A new request is refused while the process has {@link mostAtOnce}: better a 503 now than no memory for anybody. A
 * connection on which requests are waiting is cut off then, as one with more than {@link mostWaiting} always is.
 */
export function handleOneAtATime(server: FastifyInstance): void {
  const lines = new WeakMap<Socket, Line>();
  let atOnce = 0;

  function lineOf(socket: Socket): Line {
    const known = lines.get(socket);
    if (known) return known;
    const line: Line = { length: 0, waiting: [] };
    lines.set(socket, line);
    // Requests that are waiting then are never answered, and never closed.
    socket.once('close', () => {
      atOnce -= line.length;
      line.length = 0;
    });
    return line;
  }

  server.addHook('onRequest', (request, reply, done) => {
    const { socket } = request.raw;
    const line = lineOf(socket);
    const isBehind = line.length > 0;
    if (isBehind && (line.waiting.length >= mostWaiting || atOnce >= mostAtOnce)) {
      socket.destroy();
      return;
    }
    if (atOnce >= mostAtOnce) {
      done(new OverloadedError());
      return;
    }
    line.length += 1;
    atOnce += 1;
    reply.raw.once('close', () => {
      if (line.length > 0) {
        line.length -= 1;
        atOnce -= 1;
      }
      line.waiting.shift()?.();
    });
    if (isBehind) line.waiting.push(done);
    else done();
  });
}
