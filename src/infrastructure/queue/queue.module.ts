import { Global, Inject, Module, type OnApplicationShutdown } from '@nestjs/common';
import { SETTINGS, type Settings } from '../../config/config.module.js';
import { MessageBus } from './message-bus.js';
import { PostgresQueueEngine } from './postgres-queue-engine.js';
import type { QueueEngine } from './queue-engine.js';
import { RedisQueueEngine } from './redis-queue-engine.js';

export const QUEUE_ENGINE = Symbol('QUEUE_ENGINE');

/** The scheme of the URL picks the engine. */
export function createQueueEngine(url: string): QueueEngine {
  return /^rediss?:/.test(url) ? new RedisQueueEngine(url) : new PostgresQueueEngine(url);
}

@Global()
@Module({
  providers: [
    {
      provide: QUEUE_ENGINE,
      inject: [SETTINGS],
      useFactory: (settings: Settings) =>
        createQueueEngine(settings.queueUrl ?? settings.databaseUrl),
    },
    {
      provide: MessageBus,
      inject: [QUEUE_ENGINE],
      useFactory: (engine: QueueEngine) => new MessageBus(engine),
    },
  ],
  exports: [QUEUE_ENGINE, MessageBus],
})
export class QueueModule implements OnApplicationShutdown {
  constructor(
    @Inject(QUEUE_ENGINE) private readonly engine: QueueEngine,
    private readonly bus: MessageBus,
  ) {}

  async onApplicationShutdown(): Promise<void> {
    await this.bus.close();
    await this.engine.close();
  }
}
