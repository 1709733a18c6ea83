import { Logger } from '@nestjs/common';
import { DelayedError, UnrecoverableError, type Job } from 'bullmq';
import { messageOf } from '../../common/message-of.js';
import type {
  HintWorker,
  QueueEngine,
  QueueHint,
} from '../../infrastructure/queue/queue-engine.js';
import { hintWorkerOptions, type QueueName } from '../queues.js';
import type { RunOutcome } from '../run-outcome.js';
import type { TaskRunner } from '../task-runner.js';

/** After the ledger could not be reached. Milliseconds. */
const ledgerAwayDelayMs = 2_000;

/**
 * One BullMQ worker for one queue: takes a hint, has the task run, and does with the hint what the
 * outcome says. It knows no task.
 */
export class QueueWorker {
  private readonly log: Logger;
  private readonly worker: HintWorker;
  private trouble: string | undefined;
  private pausing = false;
  /** Fires when hints that are only held shall go back. */
  private leaving = new AbortController();
  private readonly taken = new Set<string>();

  constructor(
    readonly queue: QueueName,
    private readonly name: string,
    engine: QueueEngine,
    private readonly runner: TaskRunner,
    concurrency: number,
  ) {
    this.log = new Logger(queue);
    this.worker = engine.createWorker(queue, (job, token) => this.process(job, token), {
      ...hintWorkerOptions,
      name,
      concurrency,
    });
    this.worker.on('error', (error) => this.troubled(error));
    this.worker.on('active', () => (this.trouble = undefined));
  }

  start(): void {
    this.worker.run().catch((error: unknown) => this.troubled(error));
  }

  get paused(): boolean {
    return this.pausing;
  }

  get concurrency(): number {
    return this.worker.concurrency;
  }

  /** Ids of the tasks whose hints are here: running, or about to be claimed or refused. */
  get takenIds(): string[] {
    return [...this.taken];
  }

  /** Tasks at once; with fewer than are running, those go on. */
  async resize(concurrency: number): Promise<void> {
    this.worker.concurrency = concurrency;
    if (this.pausing) return;
    // BullMQ waits for a running job before it looks at its concurrency again; this wakes it.
    await this.worker.pause(true);
    if (this.paused) return;
    await this.worker.resume();
  }

  /** Takes no more hints; the running ones go on. */
  async pause(): Promise<void> {
    this.pausing = true;
    this.leaving.abort();
    await this.worker.pause(true);
  }

  async resume(): Promise<void> {
    this.pausing = false;
    this.leaving = new AbortController();
    await this.worker.resume();
  }

  async close(): Promise<void> {
    await this.worker.close(true);
  }

  private async process(job: Job<QueueHint, unknown>, token: string | undefined): Promise<string> {
    const outcome = await this.outcomeOf(job.data.taskId);
    if (outcome.kind === 'later') {
      await job.moveToDelayed(Date.now() + outcome.inMs, token);
      throw new DelayedError();
    }
    if (outcome.state === 'FAILURE') throw new UnrecoverableError(outcome.code ?? 'failed');
    return outcome.state ?? 'dropped';
  }

  private async outcomeOf(taskId: string): Promise<RunOutcome> {
    // BullMQ still hands over what its blocking fetch finds after the pause.
    if (this.pausing) return { kind: 'later', inMs: 0 };
    this.taken.add(taskId);
    try {
      return await this.runner.run(taskId, this.name, this.leaving.signal);
    } catch (error) {
      this.log.warn(`Task ${taskId}: the ledger cannot be reached: ${messageOf(error)}`);
      return { kind: 'later', inMs: ledgerAwayDelayMs };
    } finally {
      this.taken.delete(taskId);
    }
  }

  /** A store that is away says so many times a second; once is enough for a log. */
  private troubled(error: unknown): void {
    const message = messageOf(error);
    if (message === this.trouble) return;
    this.trouble = message;
    this.log.warn(`Queue trouble: ${message || 'connection lost'}`);
  }
}
