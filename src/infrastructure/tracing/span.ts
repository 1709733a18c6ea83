import { createHash } from 'node:crypto';

/** A piece of work that is over. */
export interface FinishedSpan {
  /** What all spans of a trace have in common: the correlation id of a request, or a task's id. */
  trace: string;
  /** Names this span for those below it, in whichever process they are. Default: there are none. */
  id?: string;
  /** The `id` of the span above it; null: it is the first of its trace. */
  parent: string | null;
  name: string;
  kind: 'server' | 'consumer' | 'client' | 'internal';
  /** Milliseconds since 1970. */
  startedAt: number;
  endedAt: number;
  /** Never prompts, addresses or secrets. */
  attributes: Record<string, string | number>;
  /** A code; undefined: it has succeeded. */
  failure?: string | undefined;
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** 32 hexadecimal digits. Those of a UUID are its own, so that a log leads to the trace. */
export function traceIdOf(trace: string): string {
  return uuid.test(trace) ? trace.replaceAll('-', '').toLowerCase() : digest(trace, 32);
}

/** 16 hexadecimal digits. The same in every process, so nothing but the names has to travel. */
export function spanIdOf(id: string): string {
  return digest(id, 16);
}

function digest(text: string, length: number): string {
  return createHash('sha256').update(text).digest('hex').slice(0, length);
}
