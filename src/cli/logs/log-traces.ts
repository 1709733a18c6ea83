import type { LogEntry } from './log-lines.js';

/** Different stacks that are kept; later ones are only counted. */
const mostTraces = 500;

/** One stack and how often it was logged. */
export interface Trace {
  count: number;
  first: number;
  last: number;
  context: string | null;
  /** Of its first line. */
  message: string;
  stack: string;
}

/** The same trouble logged a thousand times is one stack with a count. */
export class Traces {
  /** Stacks that came after the memory was full. */
  dropped = 0;
  private readonly traces = new Map<string, Trace>();

  add({ stack, message, timestamp, context }: LogEntry): void {
    if (stack === null) return;
    const key = placeOf(stack);
    const known = this.traces.get(key);
    if (known) {
      known.count++;
      known.first = Math.min(known.first, timestamp);
      known.last = Math.max(known.last, timestamp);
    } else if (this.traces.size < mostTraces) {
      const times = { count: 1, first: timestamp, last: timestamp };
      this.traces.set(key, { ...times, context, message, stack });
    } else {
      this.dropped++;
    }
  }

  /** The most frequent first. */
  list(): Trace[] {
    return [...this.traces.values()].toSorted((a, b) => b.count - a.count);
  }
}

/** Where it was thrown tells one from another; the message differs with each id in it. */
function placeOf(stack: string): string {
  const frames = stack.split('\n').filter((line) => /^\s+at /.test(line));
  return frames.length > 0 ? frames.slice(0, 5).join('\n') : stack.slice(0, 200);
}
