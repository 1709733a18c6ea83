import { Injectable } from '@nestjs/common';
import type { QueueName } from '../definitions/queues.js';
import { TaskLimits, type ChangedTimes } from '../limits/task-limits.js';
import type { CommandArgs, CommandData, CommandName } from './commands.js';
import { checkTimes, parseRate } from './limit-input.js';
import { WorkerQuestions, type Answers, type AskOptions } from './worker-questions.js';
import { WorkersTable, type LivingWorker } from './workers-table.js';

type PoolOptions = AskOptions & {
  /** Default: every queue of the worker. */
  queue?: QueueName;
};

/**
 * Inspects workers and changes them while they run: Celery's `inspect` and `control`. Each worker
 * answers with its state, or with the reason why it refuses. A worker that does not answer in time is
 * listed in `missing`.
 *
 * Failure window: a command or an answer is lost, because the store was away or the worker is frozen or
 * dead. Remedy: the worker is in `missing`; send the command again. A worker drops commands whose asker
 * has stopped waiting, so a frozen one does not catch up on old commands. Repeating a command is
 * harmless, except for `poolGrow` and `poolShrink`, which count from the current size: check that with
 * `activeQueues` first.
 *
 * Changes last as long as the worker's process. Only `rateLimit` and `timeLimit` are stored; they apply
 * to all workers, now and later.
 */
@Injectable()
export class WorkerControl {
  constructor(
    private readonly questions: WorkerQuestions,
    private readonly table: WorkersTable,
    private readonly limits: TaskLimits,
  ) {}

  readonly inspect = {
    /** Which workers answer. */
    ping: (options?: AskOptions) => this.ask('ping', {}, options),
    /** Running tasks. */
    active: (options?: AskOptions) => this.ask('active', {}, options),
    /** Tasks that were taken and have not started: normally none, see `ReservedTasks`. */
    reserved: (options?: AskOptions) => this.ask('reserved', {}, options),
    /** Tasks that are delayed or wait for a retry. */
    scheduled: (options?: AskOptions) => this.ask('scheduled', {}, options),
    /** Tasks that the worker can run, with their limits. */
    registered: (options?: AskOptions) => this.ask('registered', {}, options),
    /** Task counts, memory, processor time, pool. */
    stats: (options?: AskOptions) => this.ask('stats', {}, options),
    /** Running tasks that somebody has revoked. */
    revoked: (options?: AskOptions) => this.ask('revoked', {}, options),
    /** Queues that the worker serves, with their concurrency. */
    activeQueues: (options?: AskOptions) => this.ask('active_queues', {}, options),
    /** Settings, without secrets. */
    conf: (options?: AskOptions) => this.ask('conf', {}, options),
    /** Versions, and facts about the machine. */
    report: (options?: AskOptions) => this.ask('report', {}, options),
  };

  readonly control = {
    /** Raises the concurrency by `by`, of every queue or of one. */
    poolGrow: (by: number, { queue, ...options }: PoolOptions = {}) =>
      this.ask('pool_grow', { by, ...(queue && { queue }) }, options),
    /** Lowers the concurrency by `by`, but not below 1. Running tasks go on. */
    poolShrink: (by: number, { queue, ...options }: PoolOptions = {}) =>
      this.ask('pool_shrink', { by, ...(queue && { queue }) }, options),
    /** Makes workers serve this queue too. */
    addConsumer: (queue: QueueName, options?: AskOptions) =>
      this.ask('add_consumer', { queue }, options),
    /** Makes workers stop taking tasks from this queue. Running tasks go on. */
    cancelConsumer: (queue: QueueName, options?: AskOptions) =>
      this.ask('cancel_consumer', { queue }, options),
    /**
     * Limits how often a task starts, in all workers together, from the next start on.
     *
     * @param rate `10/s`, `10/m`, `10/h`; `0`, `none` or null: the definition's own rate
     * @throws InvalidLimitError
     */
    rateLimit: async (task: string, rate: string | null, options?: AskOptions) => {
      await this.limits.setRate(task, rate === null ? null : parseRate(rate));
      return this.ask('limits_changed', { task }, options);
    },
    /**
     * Changes the time limits of a task, for attempts that start from now on.
     *
     * @param times milliseconds; null: the definition's own limit
     * @throws InvalidLimitError
     */
    timeLimit: async (task: string, times: ChangedTimes, options?: AskOptions) => {
      checkTimes(times);
      await this.limits.setTimes(task, times);
      return this.ask('limits_changed', { task }, options);
    },
    /** Stops workers as SIGTERM does: they drain, then exit with code 0. */
    shutdown: (options?: AskOptions) => this.ask('shutdown', {}, options),
  };

  /** Workers that are alive or died less than a minute ago, by name. @throws UnavailableError */
  async workers(): Promise<LivingWorker[]> {
    return this.table.living();
  }

  /** @throws UnavailableError when the database or the message bus does not answer */
  async ask<C extends CommandName>(
    command: C,
    args: CommandArgs<C>,
    options?: AskOptions,
  ): Promise<Answers<CommandData[C]>> {
    return this.questions.ask(command, args, options);
  }
}
