import { Global, Module, type OnApplicationShutdown } from '@nestjs/common';
import { Inject } from '@nestjs/common';
import { SETTINGS, type Settings } from '../../config/config.module.js';
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
  ],
  exports: [QUEUE_ENGINE],
})
export class QueueModule implements OnApplicationShutdown {
  constructor(@Inject(QUEUE_ENGINE) private readonly engine: QueueEngine) {}

  async onApplicationShutdown(): Promise<void> {
    await this.engine.close();
  }
}
