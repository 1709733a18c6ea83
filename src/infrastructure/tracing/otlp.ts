import { ROOT_CONTEXT, SpanKind, SpanStatusCode, TraceFlags, trace } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  BasicTracerProvider,
  BatchSpanProcessor,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace-base';
import { v4 as uuid } from 'uuid';
import { darkroomVersion } from '../../common/version.js';
import { spanIdOf, traceIdOf, type FinishedSpan } from './span.js';

/** Longest exchange with the collector. Milliseconds. */
const exportMs = 5_000;

const kinds: Record<FinishedSpan['kind'], SpanKind> = {
  server: SpanKind.SERVER,
  consumer: SpanKind.CONSUMER,
  client: SpanKind.CLIENT,
  internal: SpanKind.INTERNAL,
};

/** Sends spans to a collector, in batches. While it is away, 2,048 are kept and the others are dropped. */
export class OtlpSpans {
  private readonly provider: BasicTracerProvider;
  private next = { traceId: '', spanId: '' };

  /** @param share of the traces that are sent. The trace's id decides, so all processes agree. */
  constructor(endpoint: string, share: number) {
    const url = `${endpoint.replace(/\/$/, '')}/v1/traces`;
    const exporter = new OTLPTraceExporter({ url, timeoutMillis: exportMs });
    this.provider = new BasicTracerProvider({
      resource: resourceFromAttributes({
        'service.name': 'darkroom',
        'service.version': darkroomVersion,
      }),
      sampler: new TraceIdRatioBasedSampler(share),
      idGenerator: {
        generateTraceId: () => this.next.traceId,
        generateSpanId: () => this.next.spanId,
      },
      spanProcessors: [
        new BatchSpanProcessor(exporter, { maxQueueSize: 2_048, exportTimeoutMillis: exportMs }),
      ],
    });
  }

  record(span: FinishedSpan): void {
    const { name, kind, attributes, startedAt, endedAt, parent, failure } = span;
    this.next = { traceId: traceIdOf(span.trace), spanId: spanIdOf(span.id ?? uuid()) };
    const above =
      parent === null
        ? ROOT_CONTEXT
        : trace.setSpanContext(ROOT_CONTEXT, {
            traceId: this.next.traceId,
            spanId: spanIdOf(parent),
            traceFlags: TraceFlags.SAMPLED,
            isRemote: true,
          });
    const options = { kind: kinds[kind], attributes, startTime: startedAt };
    const made = this.provider.getTracer('darkroom').startSpan(name, options, above);
    if (failure !== undefined) made.setStatus({ code: SpanStatusCode.ERROR, message: failure });
    made.end(endedAt);
  }

  /** Sends what is left. Takes as long as one exchange at most. */
  async close(): Promise<void> {
    await this.provider.shutdown();
  }
}
