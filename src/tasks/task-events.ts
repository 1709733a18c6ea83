import { Injectable, Logger } from '@nestjs/common';
import { messageOf } from '../common/message-of.js';
import { MessageBus } from '../infrastructure/queue/message-bus.js';
import { endWithoutAttempt } from './events/end-of-attempt.js';
import { LiveEvents } from './events/live-events.js';
import type { Ended } from './ledger-rows.js';
import type { FinalState } from './task-state.js';

interface Finished {
  taskId: string;
  state: FinalState;
}

const topic = 'tasks.finished';
/** Finished tasks told in one message. */
const batchSize = 500;
/** A waiter looks for itself this often, should a message be lost. Milliseconds. */
const lookEveryMs = 5_000;
/** Longest wait for the store before a waiter looks for itself. Milliseconds. */
const subscribeMs = 2_000;

/**
 * Tells every process which tasks have ended. News, not truth: a message may be lost, so whoever
 * waits also looks at the ledger every five seconds.
 */
@Injectable()
export class TaskEvents {
  private readonly log = new Logger('TaskEvents');
  private readonly waiting = new Map<string, Set<() => void>>();
  private news: Finished[] = [];
  private publishing = false;
  private subscribed: Promise<unknown> | undefined;

  constructor(
    private readonly bus: MessageBus,
    private readonly live: LiveEvents,
  ) {}

  finished(taskId: string, state: FinalState): void {
    this.wake(taskId);
    if (this.news.length < 10_000) this.news.push({ taskId, state });
    if (!this.publishing) void this.publish();
  }

  /** One that ended without an attempt: nobody else tells the live events of it. */
  endedUnrun(task: Ended): void {
    this.finished(task.id, task.state);
    this.live.emit(endWithoutAttempt(task));
  }

  /**
   * Resolves when news arrive here, or after two seconds without the store. Ask the ledger after
   * this and before {@link change}, and no end is missed.
   */
  async listening(): Promise<void> {
    this.subscribed ??= this.bus.subscribe(topic, (news) => {
      for (const { taskId } of news as Finished[]) this.wake(taskId);
    });
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<void>((resolve) => (timer = setTimeout(resolve, subscribeMs)));
    try {
      await Promise.race([this.subscribed, deadline]);
    } catch (error) {
      this.subscribed = undefined;
      this.log.debug(messageOf(error));
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * Resolves when the task has probably ended, after five seconds at the latest, or when `signal`
   * fires. Ask the ledger then.
   */
  async change(taskId: string, signal: AbortSignal): Promise<void> {
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

  private async publish(): Promise<void> {
    this.publishing = true;
    await new Promise(setImmediate);
    while (this.news.length > 0) {
      try {
        await this.bus.publish(topic, this.news.splice(0, batchSize));
      } catch (error) {
        this.log.debug(messageOf(error));
        this.news = [];
      }
    }
    this.publishing = false;
  }

  private wake(taskId: string): void {
    for (const done of this.waiting.get(taskId) ?? []) done();
  }
}
