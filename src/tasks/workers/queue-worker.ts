import { OnWorkerEvent, WorkerHost } from '@nestjs/bullmq';
import { Logger } from '@nestjs/common';
import { DelayedError, UnrecoverableError, type Job } from 'bullmq';
import { sharedAbort } from '../../common/deadline.js';
import { messageOf } from '../../common/message-of.js';
import type { QueueHint } from '../../infrastructure/queue/queue-engine.js';
import type { StoreWorker } from '../../infrastructure/queue/store-queue.js';
import type { QueueName } from '../definitions/queues.js';
import type { RunOutcome } from '../ledger/run-outcome.js';
import type { WorkerProcess } from '../process/worker-process.js';
import type { TaskRunner } from './task-runner.js';

/** How long a hint is delayed when the ledger cannot be reached. Milliseconds. */
const ledgerAwayDelayMs = 2_000;

/**
 * The BullMQ worker of one queue. It takes a hint, has the task run, and then completes, fails or delays the
 * hint according to the outcome.
 */
export abstract class QueueWorker extends WorkerHost {
  private readonly log: Logger;
  private trouble: string | undefined;
  private pausing = false;
  /** Aborted when hints that wait at a closed gate must go back to the queue. */
  private leaving = sharedAbort();
  private readonly taken = new Set<string>();

  constructor(
    readonly queue: QueueName,
    private readonly runner: TaskRunner,
    private readonly self: WorkerProcess,
  ) {
    super();
    this.log = new Logger(queue);
  }

  /** Starts to take tasks, up to `concurrency` at once. */
  start(concurrency: number): void {
    this.store.concurrency = concurrency;
    this.store.run(this.self.name).catch((error: unknown) => this.troubled(error));
  }

  /** The BullMQ worker that Nest has created for this processor. */
  private get store(): StoreWorker {
    return this.worker as unknown as StoreWorker;
  }

  get paused(): boolean {
    return this.pausing;
  }

  get concurrency(): number {
    return this.store.concurrency;
  }

  /** Ids of the tasks whose hints this worker holds: running, or about to be claimed or refused. */
  get takenIds(): string[] {
    return [...this.taken];
  }

  /** Changes how many tasks run at once. Running tasks go on, even if there are more. */
  async resize(concurrency: number): Promise<void> {
    this.store.concurrency = concurrency;
    if (this.pausing) return;
    // BullMQ reads its concurrency only when a running job ends. Pausing and resuming wakes it.
    await this.store.pause(true);
    if (this.paused) return;
    await this.store.resume();
  }

  /** Takes no more hints. Running tasks go on. */
  async pause(): Promise<void> {
    this.pausing = true;
    this.leaving.abort();
    await this.store.pause(true);
  }

  async resume(): Promise<void> {
    this.pausing = false;
    this.leaving = sharedAbort();
    await this.store.resume();
  }

  async close(): Promise<void> {
    await this.store.close(true);
  }

  /** Declares three parameters because BullMQ counts them: only then does it pass a signal. */
  override async process(
    job: Job<QueueHint, unknown>,
    token?: string,
    _signal?: AbortSignal,
  ): Promise<string> {
    const outcome = await this.outcomeOf(job.data.taskId);
    if (outcome.kind === 'later') {
      await job.moveToDelayed(Date.now() + outcome.inMs, token);
      throw new DelayedError();
    }
    if (outcome.state === 'FAILURE') throw new UnrecoverableError(outcome.code ?? 'failed');
    return outcome.state ?? 'dropped';
  }

  private async outcomeOf(taskId: string): Promise<RunOutcome> {
    // Even when paused, BullMQ hands over a job that its blocking fetch still finds.
    if (this.pausing) return { kind: 'later', inMs: 0 };
    this.taken.add(taskId);
    try {
      return await this.runner.run(taskId, this.self.name, this.leaving.signal);
    } catch (error) {
      this.log.warn(`Task ${taskId}: the ledger cannot be reached: ${messageOf(error)}`);
      return { kind: 'later', inMs: ledgerAwayDelayMs };
    } finally {
      this.taken.delete(taskId);
    }
  }

  @OnWorkerEvent('active')
  protected untroubled(): void {
    this.trouble = undefined;
  }

  /** While the store is away, errors come many times a second. Each message is logged once. */
  @OnWorkerEvent('error')
  protected troubled(error: unknown): void {
    const message = messageOf(error);
    if (message === this.trouble) return;
    this.trouble = message;
    this.log.warn(`Queue trouble: ${message || 'connection lost'}`);
  }
}
