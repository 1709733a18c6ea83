/** A line of the JSON log, as infrastructure/http/logger.ts writes it. */
export interface LogEntry {
  level: string;
  pid: number | null;
  /** Milliseconds since 1970. */
  timestamp: number;
  message: string;
  context: string | null;
  stack: string | null;
}

/** A longer line is cut off and counts as bad: one without an end must not fill the memory. */
const longestLine = 1_000_000;

/**
 * The entries of a log, one at a time; undefined stands for a line that is none. Empty lines are
 * skipped.
 */
export async function* logEntries(
  chunks: AsyncIterable<string | Buffer>,
): AsyncGenerator<LogEntry | undefined> {
  for await (const line of linesOf(chunks)) {
    if (line.trim() !== '') yield entryOf(line);
  }
}

async function* linesOf(chunks: AsyncIterable<string | Buffer>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of chunks) {
    const text = typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true });
    const lines = (rest + text).split('\n');
    rest = lines.pop()!.slice(0, longestLine + 1);
    yield* lines;
  }
  yield rest;
}

function entryOf(line: string): LogEntry | undefined {
  // Compose puts the service's name before the line.
  const json = line.slice(Math.max(0, line.indexOf('{')));
  if (json.length > longestLine) return undefined;
  try {
    return entryFrom(JSON.parse(json));
  } catch {
    return undefined;
  }
}

function entryFrom(value: unknown): LogEntry | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { level, pid, timestamp, message, context, stack } = value as Record<string, unknown>;
  const at = typeof timestamp === 'string' ? Date.parse(timestamp) : timestamp;
  if (typeof level !== 'string' || message === undefined) return undefined;
  if (typeof at !== 'number' || !(Math.abs(at) <= 8.64e15)) return undefined;
  return {
    level,
    pid: typeof pid === 'number' ? pid : null,
    timestamp: at,
    message: typeof message === 'string' ? message : JSON.stringify(message),
    context: typeof context === 'string' ? context : null,
    stack: typeof stack === 'string' ? stack : null,
  };
}
