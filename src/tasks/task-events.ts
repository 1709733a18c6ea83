import { Inject, Injectable, Logger } from '@nestjs/common';
import type { Relay } from 'bullmq';
import { messageOf } from '../common/message-of.js';
import { QUEUE_ENGINE } from '../infrastructure/queue/queue.module.js';
import type { QueueEngine } from '../infrastructure/queue/queue-engine.js';
import type { FinalState } from './task-state.js';

interface Finished {
  taskId: string;
  state: FinalState;
}

const topic = 'tasks.finished';
/** Finished tasks told in one message. */
const batchSize = 500;
/** A waiter looks for itself this often, should a message be lost. Milliseconds. */
const lookEveryMs = 1_000;

/**
 * Tells every process which tasks have ended. News, not truth: a message may be lost, so whoever
 * waits also looks at the ledger once a second.
 */
@Injectable()
export class TaskEvents {
  private readonly log = new Logger('TaskEvents');
  private readonly waiting = new Map<string, Set<() => void>>();
  private news: Finished[] = [];
  private publishing = false;
  private relay: Relay<unknown> | undefined;
  private subscribed: Promise<unknown> | undefined;

  constructor(@Inject(QUEUE_ENGINE) private readonly engine: QueueEngine) {}

  finished(taskId: string, state: FinalState): void {
    this.wake(taskId);
    if (this.news.length < 10_000) this.news.push({ taskId, state });
    if (!this.publishing) void this.publish();
  }

  /**
   * Resolves when the task has probably ended, after a second at the latest, or when `signal` fires.
   * Ask the ledger then.
   */
  async change(taskId: string, signal: AbortSignal): Promise<void> {
    this.subscribed ??= this.connect().subscribe<Finished[]>(topic, ({ data }) => {
      for (const news of data) this.wake(news.taskId);
    });
    this.subscribed.catch((error: unknown) => {
      this.subscribed = undefined;
      this.log.debug(messageOf(error));
    });
    await new Promise<void>((resolve) => {
      const wakers = this.waiting.get(taskId) ?? new Set();
      this.waiting.set(taskId, wakers);
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        wakers.delete(done);
        if (wakers.size === 0) this.waiting.delete(taskId);
        resolve();
      };
      const timer = setTimeout(done, lookEveryMs);
      wakers.add(done);
      signal.addEventListener('abort', done);
      if (signal.aborted) done();
    });
  }

  async close(): Promise<void> {
    await Promise.race([
      this.relay?.close().catch(() => {}),
      new Promise((resolve) => setTimeout(resolve, 2_000).unref()),
    ]);
  }

  private async publish(): Promise<void> {
    this.publishing = true;
    await new Promise(setImmediate);
    while (this.news.length > 0) {
      try {
        await this.connect().publish(topic, this.news.splice(0, batchSize));
      } catch (error) {
        this.log.debug(messageOf(error));
        this.news = [];
      }
    }
    this.publishing = false;
  }

  private connect(): Relay<unknown> {
    this.relay ??= this.engine
      .createRelay()
      .on('error', (error: Error) => this.log.debug(messageOf(error)));
    return this.relay;
  }

  private wake(taskId: string): void {
    for (const done of this.waiting.get(taskId) ?? []) done();
  }
}
