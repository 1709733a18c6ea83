/** A line of the log, as infrastructure/http/logger.ts writes it. */
export interface LogEntry {
  level: string;
  pid: number | null;
  /** Milliseconds since 1970. */
  timestamp: number;
  message: string;
  context: string | null;
  stack: string | null;
}

/** A longer line is cut off and counts as bad: a line without an end must not fill the memory. */
const longestLine = 1_000_000;

/**
 * The entries of a log, one at a time; undefined stands for a line that is not an entry. Empty lines are
 * skipped, and lines of a stack trace belong to the entry before them.
 */
export async function* logEntries(
  chunks: AsyncIterable<string | Buffer>,
): AsyncGenerator<LogEntry | undefined> {
  /** Of the text format, where a stack has lines of its own. */
  let text: LogEntry | undefined;
  for await (const line of linesOf(chunks)) {
    if (line.trim() === '') continue;
    if (text && isOfStack(line, text)) {
      text.stack = text.stack === null ? line : `${text.stack}\n${line}`;
      continue;
    }
    if (text) yield text;
    text = textEntryOf(line);
    if (!text) yield entryOf(line);
  }
  if (text) yield text;
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

const ended = /\r$/;
// oxlint-disable-next-line no-control-regex -- of a terminal
const colours = /\u001b\[[\d;]*m/g;
/** `[Darkroom worker] 4711  - 2026-11-21T09:00:50.000Z   WARN [Tasks] message`, whatever comes before it. */
const textLine =
  /\[Darkroom(?: .*?)?\] (\d+) +- (.{8,40}?) +(LOG|WARN|ERROR|FATAL|DEBUG|VERBOSE) (?:\[([^\]]*)\] )?(.*)$/s;

function textEntryOf(line: string): LogEntry | undefined {
  if (!line.includes('[Darkroom')) return undefined;
  const plain = line.slice(0, longestLine).replace(colours, '').replace(ended, '');
  const [, pid, moment, level, context, message] = textLine.exec(plain) ?? [];
  const timestamp = Date.parse(moment ?? '');
  if (Number.isNaN(timestamp)) return undefined;
  return {
    level: level!.toLowerCase(),
    pid: Number(pid),
    timestamp,
    message: message!,
    context: context ?? null,
    stack: null,
  };
}

/** The first line of a stack names the error, the others are places or lines of its message. */
function isOfStack(line: string, { level, stack }: LogEntry): boolean {
  if (level !== 'error' && level !== 'fatal') return false;
  if ((stack?.length ?? 0) > longestLine) return false;
  return stack === null ? /^(\w*(Error|Exception)\b|\s+at )/.test(line) : /^(\s|\}$)/.test(line);
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
