import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Injectable, Logger } from '@nestjs/common';
import { messageOf } from '../../common/message-of.js';
import { MessageBus } from '../../infrastructure/queue/message-bus.js';
import { WorkerProcess } from '../workers/worker-process.js';
import { EventOutbox, eventsTopic } from './event-outbox.js';
import { EventStream } from './event-stream.js';
import { fits, type EmittedEvent, type EventFilter, type LiveEvent } from './live-event.js';

const watchersTopic = 'events.watchers';
/** A watcher says that often that it is there. Milliseconds. */
const announceEveryMs = 5_000;
/** Events go out so long after the last announcement: two may be lost. Milliseconds. */
const watchedForMs = 15_000;
/** Before an announcement or a subscription that failed is tried again. Milliseconds. */
const againMs = 1_000;

/**
 * What happens to tasks and workers, in all processes, as it happens. For watching, not for deciding:
 * an event may be lost (the store away, a process killed before it told), and none is kept. The
 * ledger is the truth.
 *
 * Costs nothing while nobody watches: a watcher announces itself, and only then do processes
 * publish. So the first events after `subscribe` may miss from other processes for some milliseconds.
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

  constructor(
    private readonly bus: MessageBus,
    private readonly process: WorkerProcess,
  ) {
    this.outbox = new EventOutbox(bus, () => process.name);
  }

  /** Tells whoever watches. A plain call: returns at once and never throws. */
  emit(event: EmittedEvent): void {
    const watched = performance.now() < this.watchedUntil;
    if (!watched && this.nearby.size === 0) return;
    const at = new Date().toISOString();
    const worker = event.type === 'task-sent' ? {} : { worker: this.process.name };
    const told = { ...event, at, ...worker } as LiveEvent;
    for (const listener of this.nearby) listener(told);
    if (watched) this.outbox.put(told);
  }

  /**
   * Hands over the events of all processes that fit, in the order of each process.
   *
   * @returns ends the subscription
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
    await announce();
    const timer = setInterval(() => {
      announce().catch((error: unknown) => this.log.debug(messageOf(error)));
    }, announceEveryMs);
    return async () => {
      clearInterval(timer);
      await unsubscribe();
    };
  }

  /** The same for `for await`; ends with `signal`. A reader that is too slow is told how many it missed. */
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

  /** Hands over the events of this process only, watched or not. For counting. */
  onEmit(listener: (event: LiveEvent) => void): void {
    this.nearby.add(listener);
  }

  /** Looks for watchers; resolves when those that are there are known. */
  start(): Promise<void> {
    this.started ??= this.lookForWatchers();
    return this.started;
  }

  /** Publishes what was emitted so far. */
  async flush(): Promise<void> {
    await this.outbox.idle();
  }

  close(): void {
    this.closed = true;
    this.watchedUntil = 0;
  }

  private async lookForWatchers(): Promise<void> {
    while (!this.closed) {
      try {
        await this.bus.subscribe(watchersTopic, () => this.watched());
        return;
      } catch (error) {
        this.log.debug(messageOf(error));
        await delay(againMs, undefined, { ref: false });
      }
    }
  }

  private watched(): void {
    if (!this.closed) this.watchedUntil = performance.now() + watchedForMs;
  }
}
