import { Injectable } from '@nestjs/common';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Metrics } from './metrics.js';

/** Upper ends of the classes, in seconds. `Prefer: wait` may take a minute. */
const buckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

const verbs = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** Counts requests by their route as it is registered, never by their URL. */
@Injectable()
export class HttpMetrics {
  private readonly requests;
  private readonly seconds;

  constructor(private readonly metrics: Metrics) {
    this.requests = metrics.counter({
      name: 'darkroom_http_requests_total',
      help: 'Answered requests, by the pattern of their route; "none": no route has their path.',
      labelNames: ['method', 'route', 'status'],
    });
    this.seconds = metrics.histogram({
      name: 'darkroom_http_request_seconds',
      help: 'Time to the end of the answer.',
      labelNames: ['method', 'route'],
      buckets,
    });
  }

  /** For routes that are registered after this. */
  watch(server: FastifyInstance): void {
    if (!this.metrics.isOn) return;
    server.addHook('onResponse', (request, reply, done) => {
      const labels = { method: verbOf(request), route: routeOf(request) };
      this.requests.inc({ ...labels, status: reply.statusCode });
      this.seconds.observe(labels, reply.elapsedTime / 1_000);
      done();
    });
  }
}

function verbOf({ method }: FastifyRequest): string {
  return verbs.has(method) ? method : 'other';
}

function routeOf(request: FastifyRequest): string {
  return request.is404 ? 'none' : (request.routeOptions.url ?? 'none');
}
