import { Injectable } from '@nestjs/common';
import type { FastifyInstance } from 'fastify';
import { Tracing } from '../../infrastructure/tracing/tracing.js';

/** A span for each answered request: the first of the trace of its correlation id. */
@Injectable()
export class RequestSpans {
  constructor(private readonly tracing: Tracing) {}

  /** For routes that are registered after this. */
  watch(server: FastifyInstance): void {
    if (!this.tracing.isOn) return;
    server.addHook('onResponse', (request, reply, done) => {
      const endedAt = Date.now();
      const { statusCode } = reply;
      const route = request.is404 ? undefined : request.routeOptions.url;
      this.tracing.record({
        trace: request.id,
        id: request.id,
        parent: null,
        name: [request.method, route].join(' ').trim(),
        kind: 'server',
        startedAt: endedAt - reply.elapsedTime,
        endedAt,
        attributes: {
          'http.request.method': request.method,
          ...(route !== undefined && { 'http.route': route }),
          'http.response.status_code': statusCode,
        },
        failure: statusCode >= 500 ? String(statusCode) : undefined,
      });
      done();
    });
  }
}
