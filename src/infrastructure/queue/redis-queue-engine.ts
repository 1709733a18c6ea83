import { Relay, createRedisRelayBackend } from 'bullmq';
import { Redis } from 'ioredis';
import { addressOf, type QueueEngine } from './queue-engine.js';
import { consuming, producing } from './redis-connection.js';

const prefix = 'darkroom';

export class RedisQueueEngine implements QueueEngine {
  readonly name = 'redis';
  readonly address: string;
  readonly options;
  private pinger: Redis | undefined;

  constructor(private readonly url: string) {
    this.address = addressOf(url);
    this.options = { connection: producing(url), prefix };
  }

  async prepare(): Promise<void> {}

  createRelay(): Relay<unknown> {
    return new Relay<unknown>({
      connection: consuming(this.options.connection),
      prefix,
      backend: createRedisRelayBackend as never,
    });
  }

  async ping(): Promise<void> {
    this.pinger ??= new Redis(this.url, {
      ...this.options.connection,
      enableOfflineQueue: true,
    }).on('error', () => {});
    await this.pinger.ping();
  }

  async close(): Promise<void> {
    this.pinger?.disconnect();
  }
}
