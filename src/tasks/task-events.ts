import { Injectable, Logger } from '@nestjs/common';
import { deadline, onAbort, waitAtMost } from '../common/deadline.js';
import { messageOf } from '../common/message-of.js';
import { MessageBus } from '../infrastructure/queue/message-bus.js';
import { endWithoutAttempt } from './events/end-of-attempt.js';
import { LiveEvents } from './events/live-events.js';
import type { Ended } from './ledger-rows.js';
import { isFinal, type FinalState, type TaskState } from './task-state.js';

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

  /** Resolves when news arrive here, or after two seconds without the store. */
  private async listening(): Promise<void> {
    this.subscribed ??= this.bus.subscribe(topic, (news) => {
      for (const { taskId } of news as Finished[]) this.wake(taskId);
    });
    try {
      await waitAtMost(subscribeMs, this.subscribed);
    } catch (error) {
      this.subscribed = undefined;
      this.log.debug(messageOf(error));
    }
  }

  /**
   * What `look` finds once the task is over, or as it is after `timeoutMs`, or when one of `signals` fires.
   *
   * @param look reads the task in the ledger
   * @param timeoutMs milliseconds; `Infinity`: however long it takes
   */
  async awaited<T extends { state: TaskState }>(
    taskId: string,
    look: () => Promise<T>,
    timeoutMs: number,
    ...signals: (AbortSignal | undefined)[]
  ): Promise<T> {
    const over = deadline(timeoutMs, ...signals);
    try {
      await this.listening();
      for (;;) {
        // Before the look, so that no end is missed.
        const changed = this.change(taskId, over.signal);
        const task = await look();
        if (isFinal(task.state) || over.signal.aborted) return task;
        await changed;
      }
    } finally {
      over.clear();
    }
  }

  /**
   * Resolves when the task has probably ended, after five seconds at the latest, or when `signal`
   * fires. Ask the ledger then.
   */
  private async change(taskId: string, signal: AbortSignal): Promise<void> {
    const look = deadline(lookEveryMs, signal);
    await new Promise<void>((resolve) => {
      const wakers = this.waiting.get(taskId) ?? new Set();
      this.waiting.set(taskId, wakers);
      const done = () => {
        look.clear();
        wakers.delete(done);
        if (wakers.size === 0) this.waiting.delete(taskId);
        resolve();
      };
      wakers.add(done);
      onAbort(look.signal, done);
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
