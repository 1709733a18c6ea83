import { EventEmitter } from 'node:events';
import { Queue, Worker, type QueueOptions, type WorkerOptions } from 'bullmq';
import { waitAtMost } from '../../common/deadline.js';
import type { HintProcessor, QueueHint } from './queue-engine.js';
import { consuming, isRedis } from './redis-connection.js';
import { steadyBackend } from './steady-backend.js';

/** Longest wait for the store when a queue or a worker is closed. Milliseconds. */
const closingMs = 3_000;

/** BullMQ's queue on either store; its connection decides which. It closes in time even if the store is away. */
export class StoreQueue extends Queue<QueueHint, unknown, string> {
  private ending: Promise<unknown> | undefined;

  constructor(name: string, options: QueueOptions) {
    super(name, options, backendOf(options));
  }

  override async close(): Promise<void> {
    await (this.ending ??= inTime(super.close()));
  }
}

/** BullMQ's worker on either store. It closes in time as well. */
class BullWorker extends Worker<QueueHint, unknown, string> {
  private ended: Promise<unknown> | undefined;

  constructor(name: string, processor: HintProcessor, options: WorkerOptions) {
    super(
      name,
      processor,
      { ...options, connection: consuming(options.connection) },
      backendOf(options),
    );
  }

  override async close(force?: boolean): Promise<void> {
    await (this.ended ??= inTime(super.close(force)));
  }
}

/**
 * BullMQ's worker, created when it starts to work: a worker that has not been started would be connected already and
 * counted among those that serve the queue.
 */
export class StoreWorker extends EventEmitter<{ error: [Error]; active: [] }> {
  /** Jobs at once. */
  private size: number;
  private worker: BullWorker | undefined;

  constructor(
    private readonly name: string,
    private readonly processor: HintProcessor,
    private readonly options: WorkerOptions,
  ) {
    super();
    this.size = options.concurrency ?? 1;
  }

  get concurrency(): number {
    return this.size;
  }

  set concurrency(size: number) {
    this.size = size;
    if (this.worker) this.worker.concurrency = size;
  }

  /**
   * Takes jobs until it is closed.
   *
   * @param holder what the store shows of whoever has a job
   */
  async run(holder?: string): Promise<void> {
    this.worker = new BullWorker(this.name, this.processor, {
      ...this.options,
      concurrency: this.size,
      ...(holder !== undefined && { name: holder }),
    });
    this.worker.on('error', (error) => this.emit('error', error));
    this.worker.on('active', () => this.emit('active'));
    await this.worker.run();
  }

  async pause(now: boolean): Promise<void> {
    await this.worker?.pause(now);
  }

  async resume(): Promise<void> {
    await this.worker?.resume();
  }

  async close(force?: boolean): Promise<void> {
    await this.worker?.close(force);
  }
}

/** Undefined: BullMQ's own, on Redis. */
function backendOf({ connection }: Pick<QueueOptions, 'connection'>): undefined {
  return (isRedis(connection) ? undefined : steadyBackend) as undefined;
}

function inTime(closing: Promise<void>): Promise<unknown> {
  return waitAtMost(closingMs, closing);
}
