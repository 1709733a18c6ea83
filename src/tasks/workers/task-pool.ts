import type { RunOutcome } from '../run-outcome.js';
import type { ClaimedTask } from '../ledger-rows.js';

/** What a pool learns when its worker starts. */
export interface PoolStart {
  /** Name of the worker; children put it on their log lines. */
  name: string;
  /** Tasks that will run at once at most. */
  size: number;
}

export interface ChildStats {
  pid: number;
  /** Tasks it was given so far. */
  tasks: number;
  /** Resident memory after its last task, bytes; null before its first. */
  rss: number | null;
  /** Id of the task it runs. */
  busy: string | null;
}

/** For inspection; children only where there are processes. */
export interface PoolStats {
  kind: 'inline' | 'processes';
  size: number;
  children: ChildStats[];
  /** Children that have ended since the start: replaced, dead or killed. */
  restarts: number;
}

/** Where claimed tasks run: in this process, or in children of it. The caller keeps the lease. */
export abstract class TaskPool {
  /** Each task has a process for itself. */
  abstract readonly apart: boolean;

  abstract start(options: PoolStart): void;

  /**
   * Runs one claimed task and writes how the attempt ended.
   *
   * @param abort stops the handler; its reason says why
   * @throws only when the ledger cannot be reached
   */
  abstract run(task: ClaimedTask, abort: AbortController): Promise<RunOutcome>;

  /** Another number of tasks at once. Running ones go on. */
  abstract resize(size: number): void;

  abstract stats(): PoolStats;

  /** Ends the children. Call it when nothing runs any more; what still does is killed. */
  abstract close(): Promise<void>;
}
