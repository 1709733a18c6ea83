import { randomUUID } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { problem, problemType } from './problem.js';
import { strictPolicy } from './page-policy.js';

/** For URLs that the router cannot read: no hook and no filter has run or will run. */
export function answerFrameworkError(
  error: FastifyError,
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  const status = error.statusCode !== undefined && error.statusCode < 500 ? error.statusCode : 400;
  void reply
    .status(status)
    .headers({
      'x-correlation-id': request.id,
      'cache-control': 'no-store',
      'content-security-policy': strictPolicy,
      'x-content-type-options': 'nosniff',
      'content-type': problemType,
    })
    .send(JSON.stringify(problem({ status }, request.id)));
}

const statusOfConnectionError: Record<string, number> = {
  ERR_HTTP_REQUEST_TIMEOUT: 408,
  HPE_HEADER_OVERFLOW: 431,
};

/** For bytes that are no request: Node has no request and no response object to offer. */
export function answerBrokenConnection(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  if (socket.writable) {
    const status = statusOfConnectionError[error.code ?? ''] ?? 400;
    const correlationId = randomUUID();
    const body = JSON.stringify(problem({ status }, correlationId));
    socket.write(
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\n` +
        `X-Correlation-Id: ${correlationId}\r\nContent-Type: ${problemType}\r\n` +
        'Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n' +
        `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    );
  }
  socket.destroySoon();
}
