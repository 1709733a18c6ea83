import { Logger } from '@nestjs/common';
import type { Relay } from 'bullmq';
import { messageOf } from '../../common/message-of.js';
import type { QueueEngine } from './queue-engine.js';

/** Longest wait for the store when the bus is closed. Milliseconds. */
const closingMs = 2_000;

/**
 * News between processes, through the store of the queue: fan-out, at most once, nothing kept. What
 * must not be lost is a row somewhere; a message only makes somebody look sooner.
 */
export class MessageBus {
  private readonly log = new Logger('MessageBus');
  private relay: Relay<unknown> | undefined;

  constructor(private readonly engine: QueueEngine) {}

  /**
   * @param data JSON, at most 512 KiB
   * @returns how many subscriptions it was handed to
   * @throws when the store does not answer
   */
  async publish(topic: string, data: unknown): Promise<number> {
    return (await this.connect().publish(topic, data)).endpoints;
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
    await Promise.race([
      this.relay?.close().catch(() => {}),
      new Promise((resolve) => setTimeout(resolve, closingMs).unref()),
    ]);
  }

  private connect(): Relay<unknown> {
    this.relay ??= this.engine
      .createRelay()
      .on('error', (error: Error) => this.log.debug(messageOf(error)));
    return this.relay;
  }
}
