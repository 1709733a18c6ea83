import { Injectable } from '@nestjs/common';
import type { QueueName } from '../queues.js';
import type { CommandArgs, CommandData, CommandName } from './commands.js';
import { checkTimes, parseRate } from './limit-input.js';
import { TaskLimits, type ChangedTimes } from './task-limits.js';
import { WorkerQuestions, type Answers, type AskOptions } from './worker-questions.js';
import { WorkersTable, type LivingWorker } from './workers-table.js';

type PoolOptions = AskOptions & {
  /** Default: every queue of the worker. */
  queue?: QueueName;
};

/**
 * Asks workers and changes them while they run: Celery's `inspect` and `control`. Every worker that is
 * asked acknowledges with its new state; one that cannot, says why; one that says nothing in time is in
 * `missing`.
 *
 * Failure window: a question or an answer is lost (the store was away, the worker frozen or dead).
 * Remedy: the worker is in `missing`; ask again. A worker drops what it reads after the asker has
 * gone, so a frozen one does not make up for old commands. Repeating is harmless, except
 * that `poolGrow` and `poolShrink` count from the size that is: look at it with `activeQueues` first.
 *
 * What is changed lives as long as the worker's process, but for `rateLimit` and `timeLimit`, which are
 * stored and hold for all workers, now and later.
 */
@Injectable()
export class WorkerControl {
  constructor(
    private readonly questions: WorkerQuestions,
    private readonly table: WorkersTable,
    private readonly limits: TaskLimits,
  ) {}

  readonly inspect = {
    /** Who is there. */
    ping: (options?: AskOptions) => this.ask('ping', {}, options),
    /** What runs now. */
    active: (options?: AskOptions) => this.ask('active', {}, options),
    /** What was taken and has not started: normally nothing, see `ReservedTasks`. */
    reserved: (options?: AskOptions) => this.ask('reserved', {}, options),
    /** What is delayed or waits for its retry. */
    scheduled: (options?: AskOptions) => this.ask('scheduled', {}, options),
    /** Tasks the worker can run, with their limits. */
    registered: (options?: AskOptions) => this.ask('registered', {}, options),
    /** Counts, memory, processor time, pool. */
    stats: (options?: AskOptions) => this.ask('stats', {}, options),
    /** Running tasks that somebody has asked to stop. */
    revoked: (options?: AskOptions) => this.ask('revoked', {}, options),
    /** Queues with their concurrency. */
    activeQueues: (options?: AskOptions) => this.ask('active_queues', {}, options),
    /** Settings, without secrets. */
    conf: (options?: AskOptions) => this.ask('conf', {}, options),
    /** Versions and machine. */
    report: (options?: AskOptions) => this.ask('report', {}, options),
  };

  readonly control = {
    /** Runs `by` more tasks at once, on each queue or on one. */
    poolGrow: (by: number, { queue, ...options }: PoolOptions = {}) =>
      this.ask('pool_grow', { by, ...(queue && { queue }) }, options),
    /** Runs `by` fewer at once, never below 1; running tasks go on. */
    poolShrink: (by: number, { queue, ...options }: PoolOptions = {}) =>
      this.ask('pool_shrink', { by, ...(queue && { queue }) }, options),
    /** Takes tasks from this queue too. */
    addConsumer: (queue: QueueName, options?: AskOptions) =>
      this.ask('add_consumer', { queue }, options),
    /** Takes no more tasks from this queue; running ones go on. */
    cancelConsumer: (queue: QueueName, options?: AskOptions) =>
      this.ask('cancel_consumer', { queue }, options),
    /**
     * Limits the starts of a task, by all workers together, from the next start on.
     *
     * @param rate `10/s`, `10/m`, `10/h`; `0`, `none` or null: the definition's own
     * @throws InvalidLimitError
     */
    rateLimit: async (task: string, rate: string | null, options?: AskOptions) => {
      await this.limits.setRate(task, rate === null ? null : parseRate(rate));
      return this.ask('limits_changed', { task }, options);
    },
    /**
     * Changes the time limits of a task, for attempts that start from now on.
     *
     * @param times milliseconds; null: the definition's own
     * @throws InvalidLimitError
     */
    timeLimit: async (task: string, times: ChangedTimes, options?: AskOptions) => {
      checkTimes(times);
      await this.limits.setTimes(task, times);
      return this.ask('limits_changed', { task }, options);
    },
    /** Ends workers as SIGTERM does: they drain, then exit 0. */
    shutdown: (options?: AskOptions) => this.ask('shutdown', {}, options),
  };

  /** Workers that are alive, or died less than a minute ago; by name. @throws UnavailableError */
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
