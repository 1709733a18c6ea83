import type { LogEntry } from './log-lines.js';

/** What a line says about a task. */
export interface TaskLine {
  timestamp: number;
  level: string;
  task_id: string;
  name: string | null;
  attempt: number | null;
  /** Of a failed attempt: `time_limit`, `handler_error`, … */
  code: string | null;
  message: string;
}

const id = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';
/** `Task name[id]`, and before that `Task id (name)`; a line that knows no name has the id alone. */
const about = new RegExp(
  String.raw`\bTask (?:([^\s[\]]+)\[(${id})\]|(${id})(?: \(([^)]*)\))?)(?:, attempt (\d+))?(?:: (?:([a-z][a-z0-9_]*): )?)? ?(.*)`,
  's',
);

/** The task that a line is about; undefined when it is about none. */
export function taskLineOf({ message, timestamp, level }: LogEntry): TaskLine | undefined {
  const found = about.exec(message);
  if (!found) return undefined;
  const [, name, nameId, bareId, oldName, attempt, code, rest] = found;
  return {
    timestamp,
    level,
    task_id: (nameId ?? bareId)!,
    name: name ?? oldName ?? null,
    attempt: attempt === undefined ? null : Number(attempt),
    code: code ?? null,
    message: rest!,
  };
}
