import { Injectable, Logger } from '@nestjs/common';
import { deadline, onAbort, waitAtMost } from '../../common/deadline.js';
import { messageOf } from '../../common/message-of.js';
import { MessageBus } from '../../infrastructure/queue/message-bus.js';
import { isFinal, type FinalState, type TaskState } from '../definitions/task-state.js';
import { Dispatcher } from '../hints/dispatcher.js';
import { Waiters } from '../hints/waiters.js';
import type { Ended, FollowUp } from '../ledger/ledger-rows.js';
import { endWithoutAttempt } from './end-of-attempt.js';
import { LiveEvents } from './live-events.js';

interface Finished {
  taskId: string;
  state: FinalState;
}

const topic = 'tasks.finished';
/** Most finished tasks in one message. */
const batchSize = 500;
/** How often a waiter reads the ledger, in case a message was lost. Milliseconds. */
const lookEveryMs = 5_000;
/** Longest wait for the subscription before a waiter reads the ledger. Milliseconds. */
const subscribeMs = 2_000;

/**
 * Tells every process which tasks have ended. A message can be lost, so a waiter also reads the ledger
 * every five seconds.
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
    private readonly dispatcher: Dispatcher,
    private readonly waiters: Waiters,
  ) {}

  /**
   * Tells every process that a task has ended, hands its follow-up to the queue, and wakes the task that waits for it.
   * Call it after the commit. Returns at once and never throws.
   */
  finished({ id: taskId, state, followUp, waiterId }: Ended): void {
    if (followUp) this.sent(followUp);
    if (waiterId !== null) this.waiters.wake(waiterId);
    this.wake(taskId);
    if (this.news.length < 10_000) this.news.push({ taskId, state });
    if (!this.publishing) void this.publish();
  }

  /** The same for a task that ended without an attempt, for which nobody else sends a live event. */
  endedUnrun(task: Ended): void {
    this.finished(task);
    this.live.emit(endWithoutAttempt(task));
  }

  private sent({ id, ...task }: FollowUp): void {
    const hint = { taskId: id, ...task, delayMs: 0 };
    this.dispatcher.dispatch(hint);
    this.live.emit({ type: 'task-sent', ...hint });
  }

  /** Resolves once messages can arrive, or after two seconds if the store is away. */
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
   * Waits until a task is over, until `timeoutMs` has passed, or until one of `signals` is aborted.
   *
   * @param look reads the task in the ledger
   * @param timeoutMs milliseconds; `Infinity`: no limit
   * @returns the task as `look` read it last
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
        // Starts to listen before it reads, so that no end is missed.
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
   * Resolves when the task has probably ended, when `signal` is aborted, or after five seconds. The caller
   * then reads the ledger.
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
