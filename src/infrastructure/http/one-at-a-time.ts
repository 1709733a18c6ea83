import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
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
  socket: Socket;
  /** In progress or waiting. */
  length: number;
  /** Those of them that count for {@link mostAtOnce}. */
  counted: number;
  waiting: (() => void)[];
}

/** What ends the count of a request that is being answered. */
const counts = new WeakMap<ServerResponse, () => void>();

/** For an answer that goes on for hours: it no longer counts as a request in progress, and needs a limit of its own. */
export function countNoLonger(answer: ServerResponse): void {
  counts.get(answer)?.();
}

/**
 * Handles the requests of one connection one after the other. Node hands out all that have arrived, so a client that
 * pipelines hundreds would have hundreds in progress at once, and other clients none.
 *
 * When the process has as many as it may, the connection with the longest line makes room for a new request by being
 * cut off. If nobody has a second one in line, the new request is refused: better a 503 now than no memory for anybody.
 * A connection with more than {@link mostWaiting} is cut off in any case.
 */
export function handleOneAtATime(server: FastifyInstance, most = mostAtOnce): void {
  const lines = new Map<Socket, Line>();
  const refused = new WeakSet<IncomingMessage>();
  let atOnce = 0;

  function lineOf(socket: Socket): Line {
    const known = lines.get(socket);
    if (known) return known;
    const line: Line = { socket, length: 0, counted: 0, waiting: [] };
    lines.set(socket, line);
    // Requests that are waiting then are never answered, and never closed.
    socket.once('close', () => forget(line));
    return line;
  }

  function forget(line: Line): void {
    atOnce -= line.counted;
    line.length = 0;
    line.counted = 0;
    line.waiting = [];
    lines.delete(line.socket);
  }

  function cutOff(line: Line): void {
    forget(line);
    line.socket.destroy();
  }

  /** Whether there is room now. */
  function makeRoom(): boolean {
    if (atOnce < most) return true;
    let longest: Line | undefined;
    for (const line of lines.values()) {
      if (line.length > (longest?.length ?? 1)) longest = line;
    }
    if (longest) cutOff(longest);
    return longest !== undefined;
  }

  function take(request: IncomingMessage, answer: ServerResponse): void {
    const { socket } = request;
    if (socket.destroyed) return;
    const line = lineOf(socket);
    const isBehind = line.length > 0;
    if (isBehind && line.waiting.length >= mostWaiting) cutOff(line);
    const hasRoom = makeRoom();
    if (!hasRoom && isBehind) cutOff(line);
    // It may be its own line that was cut off.
    if (socket.destroyed) return;
    if (!hasRoom) {
      refused.add(request);
      handle(request, answer);
      return;
    }
    line.length += 1;
    line.counted += 1;
    atOnce += 1;
    const uncount = () => {
      if (!counts.delete(answer) || line.counted === 0) return;
      line.counted -= 1;
      atOnce -= 1;
    };
    counts.set(answer, uncount);
    answer.once('close', () => {
      uncount();
      if (line.length > 0) line.length -= 1;
      line.waiting.shift()?.();
    });
    if (isBehind) line.waiting.push(() => handle(request, answer));
    else handle(request, answer);
  }

  // Fastify gets a request when it is its turn: it takes longer to begin with one than Node to read it.
  const [handle] = server.server.listeners('request') as [RequestListener];
  server.server.removeAllListeners('request').on('request', take);
  server.addHook('onRequest', (request, _reply, done) => {
    done(refused.has(request.raw) ? new OverloadedError() : undefined);
  });
}
