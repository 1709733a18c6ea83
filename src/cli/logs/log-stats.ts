import type { LogEntry } from './log-lines.js';
import { taskLineOf } from './log-tasks.js';

/** Most words that are counted separately; any others count as `(others)`. */
const mostWords = 1_000;

/** Counts words in bounded memory. */
export class Tally {
  private readonly counts = new Map<string, number>();

  add(word: string): void {
    const known = this.counts.has(word) || this.counts.size < mostWords;
    const key = known ? word : '(others)';
    this.counts.set(key, (this.counts.get(key) ?? 0) + 1);
  }

  /** The most frequent first. */
  sorted(): [word: string, count: number][] {
    return [...this.counts].toSorted(([a, n], [b, m]) => m - n || a.localeCompare(b));
  }

  toJSON(): Record<string, number> {
    return Object.fromEntries(this.sorted());
  }
}

/** What a log holds, in numbers. */
export class LogStats {
  entries = 0;
  badLines = 0;
  from: number | undefined;
  to: number | undefined;
  readonly levels = new Tally();
  readonly contexts = new Tally();
  readonly processes = new Tally();
  /** By the name of the task. */
  readonly succeededTasks = new Tally();
  /** Codes of attempts that failed. */
  readonly failures = new Tally();
  /** The same by the name of the task. */
  readonly failedTasks = new Tally();

  add(entry: LogEntry | undefined): void {
    if (entry === undefined) {
      this.badLines++;
      return;
    }
    this.entries++;
    this.from = Math.min(this.from ?? entry.timestamp, entry.timestamp);
    this.to = Math.max(this.to ?? entry.timestamp, entry.timestamp);
    this.levels.add(entry.level);
    this.contexts.add(entry.context ?? '(none)');
    if (entry.pid !== null) this.processes.add(String(entry.pid));
    const task = taskLineOf(entry);
    if (task?.message.startsWith('succeeded in ')) {
      this.succeededTasks.add(task.name ?? '(unknown)');
    }
    if (!task?.code) return;
    this.failures.add(task.code);
    this.failedTasks.add(task.name ?? '(unknown)');
  }
}
