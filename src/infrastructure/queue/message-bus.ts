import { Logger } from '@nestjs/common';
import type { Relay } from 'bullmq';
import { waitAtMost } from '../../common/deadline.js';
import { messageOf } from '../../common/message-of.js';
import type { QueueEngine } from './queue-engine.js';

/** Longest wait for the store when the bus is closed. Milliseconds. */
const closingMs = 2_000;

/**
 * Messages between processes, through the store of the queue: fan-out, at most once, nothing is stored. What must not be
 * lost is in a row; a message only makes its reader look sooner.
 */
export class MessageBus {
  private readonly log = new Logger('MessageBus');
  private relay: Relay<unknown> | undefined;

  constructor(private readonly engine: QueueEngine) {}

  /**
   * @param data JSON, at most 512 KiB
   * @param retainMs the newest message of the topic is also handed, once, to whoever subscribes
   * within so many milliseconds
   * @returns how many subscriptions it was handed to
   * @throws when the store does not answer
   */
  async publish(topic: string, data: unknown, retainMs = 0): Promise<number> {
    return (await this.connect().publish(topic, data, { retain: retainMs })).endpoints;
  }

  /**
   * Messages published after this resolves arrive. Survives a lost connection, without what was
   * published meanwhile.
   *
   * @returns ends the subscription
   */
  async subscribe(topic: string, listener: (data: unknown) => void): Promise<() => Promise<void>> {
    const subscription = await this.connect().subscribe(topic, ({ data }) => listener(data));
    return () => subscription.unsubscribe();
  }

  async close(): Promise<void> {
    if (!this.relay) return;
    await waitAtMost(closingMs, this.relay.close()).catch(() => {});
  }

  private connect(): Relay<unknown> {
    if (this.relay) return this.relay;
    const relay = this.engine
      .createRelay()
      .on('error', (error: Error) => this.log.debug(messageOf(error)));
    this.relay = relay;
    // A relay that could not start never does; the next question gets a new one.
    relay.waitUntilReady().catch(() => {
      if (this.relay === relay) this.relay = undefined;
      void relay.close().catch(() => {});
    });
    return relay;
  }
}
