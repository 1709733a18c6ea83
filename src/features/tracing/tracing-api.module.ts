import { Module, type NestModule } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';
import { TracingModule } from '../../infrastructure/tracing/tracing.module.js';
import { RequestSpans } from './request-spans.js';

@Module({ imports: [TracingModule], providers: [RequestSpans] })
export class TracingApiModule implements NestModule {
  constructor(
    private readonly http: HttpAdapterHost,
    private readonly spans: RequestSpans,
  ) {}

  /** Nest calls this before it registers its routes, and a hook applies to routes registered after it. */
  configure(): void {
    this.spans.watch(this.http.httpAdapter.getInstance<FastifyInstance>());
  }
}
