import {
  Inject,
  Injectable,
  Logger,
  type OnApplicationShutdown,
  type OnModuleInit,
} from '@nestjs/common';
import { waitAtMost } from '../../common/deadline.js';
import { messageOf } from '../../common/message-of.js';
import { SETTINGS, type Settings } from '../../config/config.module.js';
import type { OtlpSpans } from './otlp.js';
import type { FinishedSpan } from './span.js';

/** Longest wait for the collector when the process ends. Milliseconds. */
const closingMs = 2_000;

/** Names an attempt of a task. */
export interface TracedAttempt {
  taskId: string;
  attempt: number;
  correlationId: string | null;
}

/** The id of an attempt's span. */
export function attemptSpan({ taskId, attempt }: Omit<TracedAttempt, 'correlationId'>): string {
  return `${taskId}-${attempt}`;
}

/** Sends traces, if OTEL_EXPORTER_OTLP_ENDPOINT is set. Otherwise it does nothing, and loads nothing. */
@Injectable()
export class Tracing implements OnModuleInit, OnApplicationShutdown {
  private readonly log = new Logger('Tracing');
  private spans: OtlpSpans | undefined;

  constructor(
    @Inject(SETTINGS) private readonly settings: Pick<Settings, 'otlpEndpoint' | 'tracedShare'>,
  ) {}

  get isOn(): boolean {
    return this.settings.otlpEndpoint !== undefined;
  }

  async onModuleInit(): Promise<void> {
    const { otlpEndpoint, tracedShare } = this.settings;
    if (otlpEndpoint === undefined) return;
    const { OtlpSpans } = await import('./otlp.js');
    this.spans = new OtlpSpans(otlpEndpoint, tracedShare);
  }

  async onApplicationShutdown(): Promise<void> {
    const closing = this.spans?.close() ?? Promise.resolve();
    await waitAtMost(closingMs, closing).catch((error: unknown) => {
      this.log.debug(`The last spans were not sent: ${messageOf(error)}`);
    });
  }

  /** Returns at once and never throws. A span may be lost. */
  record(span: FinishedSpan): void {
    this.spans?.record(span);
  }

  /** Runs work as a part of an attempt. @throws what `work` throws */
  async during<T>(
    attempt: TracedAttempt,
    name: string,
    attributes: FinishedSpan['attributes'],
    work: () => Promise<T>,
  ): Promise<T> {
    const startedAt = Date.now();
    let failure: string | undefined = 'failed';
    try {
      const result = await work();
      failure = undefined;
      return result;
    } finally {
      this.record({
        trace: attempt.correlationId ?? attempt.taskId,
        parent: attemptSpan(attempt),
        name,
        kind: 'client',
        startedAt,
        endedAt: Date.now(),
        attributes,
        failure,
      });
    }
  }
}
