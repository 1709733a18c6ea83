import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Injectable, Logger } from '@nestjs/common';
import { waitAtMost } from '../../common/deadline.js';
import { messageOf } from '../../common/message-of.js';
import { MessageBus } from '../../infrastructure/queue/message-bus.js';
import { WorkerProcess } from '../process/worker-process.js';
import { EventOutbox, eventsTopic } from './event-outbox.js';
import { EventStream } from './event-stream.js';
import { fits, type EmittedEvent, type EventFilter, type LiveEvent } from './live-event.js';

const watchersTopic = 'events.watchers';
/** How often a watcher announces itself. Milliseconds. */
const announceEveryMs = 5_000;
/** How long events are published after the last announcement; two may be lost. Milliseconds. */
const watchedForMs = 15_000;
/** Most events kept until it is known whether somebody watches, some milliseconds after the start. */
const mostEarly = 1_000;
/** Longest wait for the store when the process ends. Milliseconds. */
const closingMs = 1_000;
/** Pause before a failed subscription is tried again. Milliseconds. */
const againMs = 1_000;

/**
 * Live events about tasks and workers, from all processes. They are for watching, not for decisions: an
 * event can be lost (the store is away, a process is killed before it sends it), and none is stored. The
 * ledger is the truth.
 *
 * Events cost nothing while nobody watches: processes publish only after a watcher has announced itself.
 * So in the first milliseconds after `subscribe`, events of other processes may be missing.
 */
@Injectable()
export class LiveEvents {
  private readonly log = new Logger('LiveEvents');
  private readonly outbox: EventOutbox;
  private readonly nearby = new Set<(event: LiveEvent) => void>();
  /** Monotonic milliseconds. */
  private watchedUntil = 0;
  private started: Promise<void> | undefined;
  private closed = false;
  /**
   * Events from before the first look for watchers; undefined after that. A process may send a task and
   * end at once.
   */
  private early: LiveEvent[] | undefined = [];

  constructor(
    private readonly bus: MessageBus,
    private readonly process: WorkerProcess,
  ) {
    this.outbox = new EventOutbox(bus, () => process.name);
  }

  /** Sends an event to all watchers. Returns at once and never throws. */
  emit(event: EmittedEvent): void {
    const watched = performance.now() < this.watchedUntil;
    if (!watched && this.nearby.size === 0 && this.early === undefined) return;
    const at = new Date().toISOString();
    const worker = event.type === 'task-sent' ? {} : { worker: this.process.name };
    const told = { ...event, at, ...worker } as LiveEvent;
    for (const listener of this.nearby) listener(told);
    if (watched) this.outbox.put(told);
    else if (this.early && this.early.length < mostEarly) this.early.push(told);
  }

  /**
   * Calls `listener` with the events of all processes that match the filter. Events of one process keep
   * their order.
   *
   * @returns a function that ends the subscription
   * @throws when the store does not answer
   */
  async subscribe(
    listener: (event: LiveEvent) => void,
    filter: EventFilter = {},
  ): Promise<() => Promise<void>> {
    const unsubscribe = await this.bus.subscribe(eventsTopic, (batch) => {
      for (const event of batch as LiveEvent[]) if (fits(event, filter)) listener(event);
    });
    const watcher = randomUUID();
    const announce = () => this.bus.publish(watchersTopic, { watcher }, watchedForMs);
    this.watched();
    try {
      await announce();
    } catch (error) {
      await unsubscribe();
      throw error;
    }
    const timer = setInterval(() => {
      announce().catch((error: unknown) => this.log.debug(messageOf(error)));
    }, announceEveryMs);
    return async () => {
      clearInterval(timer);
      await unsubscribe();
    };
  }

  /**
   * The same for `for await`, until `signal` is aborted. A reader that is too slow gets `events-dropped`
   * with the number of events that it missed.
   */
  async *watch(filter: EventFilter = {}, signal?: AbortSignal): AsyncGenerator<LiveEvent, void> {
    const stream = new EventStream(this.process.name);
    const unsubscribe = await this.subscribe((event) => stream.put(event), filter);
    const end = () => stream.end();
    signal?.addEventListener('abort', end);
    if (signal?.aborted) end();
    try {
      yield* stream;
    } finally {
      signal?.removeEventListener('abort', end);
      await unsubscribe();
    }
  }

  /** Calls `listener` with the events of this process only, whether anybody watches or not. For counting. */
  onEmit(listener: (event: LiveEvent) => void): void {
    this.nearby.add(listener);
  }

  /** Looks for watchers. Resolves once the existing ones are known. */
  start(): Promise<void> {
    this.started ??= this.lookForWatchers();
    return this.started;
  }

  /** Resolves when all events so far were published. */
  async flush(): Promise<void> {
    await this.outbox.idle();
  }

  /** Call it after the last event. Publishes what is left, if the store answers soon. */
  async close(): Promise<void> {
    await waitAtMost(closingMs, this.started?.then(() => this.flush()) ?? Promise.resolve());
    this.closed = true;
    this.watchedUntil = 0;
  }

  private async lookForWatchers(): Promise<void> {
    while (!this.closed) {
      try {
        // The newest announcement is retained, and arrives before this resolves.
        await this.bus.subscribe(watchersTopic, () => this.watched());
        return this.tellEarly();
      } catch (error) {
        this.log.debug(messageOf(error));
        await delay(againMs, undefined, { ref: false });
      }
    }
  }

  private tellEarly(): void {
    const early = this.early ?? [];
    this.early = undefined;
    if (performance.now() >= this.watchedUntil) return;
    for (const event of early) this.outbox.put(event);
  }

  private watched(): void {
    if (!this.closed) this.watchedUntil = performance.now() + watchedForMs;
  }
}
