import type { Json } from '../../common/json.js';
import type { ClaimedTask } from '../ledger/ledger-rows.js';
import type { RunOutcome } from '../ledger/run-outcome.js';
import type { AttemptAbort } from '../running/attempt-abort.js';

/** What a pool is told when its worker starts. */
export interface PoolStart {
  /** Name of the worker. Children put it into their log lines. */
  name: string;
  /** Most tasks that will run at once. */
  size: number;
}

export interface ChildStats {
  pid: number;
  /** Number of tasks it was given so far. */
  tasks: number;
  /** Resident memory after its last task, in bytes; null before its first task has ended. */
  rss: number | null;
  /** Id of the task that it is running; null: none. */
  busy: string | null;
}

/** The state of a pool, for inspection. An inline pool has no children. */
export interface PoolStats {
  kind: 'inline' | 'processes';
  size: number;
  children: ChildStats[];
  /** Number of children that have ended since the start: replaced, died or killed. */
  restarts: number;
}

/** Called with what features tell of a child. */
export type HearNews = (topic: string, news: Json) => void;

/** Where claimed tasks run: in this process, or in child processes. The caller renews the lease. */
export abstract class TaskPool {
  /** Each task runs in a process of its own. */
  abstract readonly apart: boolean;

  abstract start(options: PoolStart): void;

  /**
   * Runs one claimed task and writes how the attempt ended.
   *
   * @param abort stops the attempt; its reason says why it stops
   * @throws only when the ledger cannot be reached
   */
  abstract run(task: ClaimedTask, abort: AttemptAbort): Promise<RunOutcome>;

  /**
   * Resolves when the place of this task is free: when what its attempt has left behind elsewhere is over, as far as
   * another task would not notice that itself. Never rejects.
   */
  abstract cleared(task: ClaimedTask): Promise<void>;

  /** Changes how many tasks run at once. Running tasks go on. */
  abstract resize(size: number): void;

  abstract stats(): PoolStats;

  /** Sets who hears the news of children. */
  abstract onNews(listener: HearNews): void;

  /** Ends the children. Call it when no task is running any more; one that is will be killed. */
  abstract close(): Promise<void>;
}
