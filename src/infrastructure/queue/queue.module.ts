import { BullModule } from '@nestjs/bullmq';
import { Global, Inject, Module, type OnApplicationShutdown } from '@nestjs/common';
import { SETTINGS, type Settings } from '../../config/config.module.js';
import { MessageBus } from './message-bus.js';
import { createQueueEngine } from './create-queue-engine.js';
import type { QueueEngine } from './queue-engine.js';
import { StoreQueue, StoreWorker } from './store-queue.js';

export const QUEUE_ENGINE = Symbol('QUEUE_ENGINE');

// These apply to the whole process, which may have queues on two stores.
BullModule.queueClass = StoreQueue;
// Nest needs only `close` and the events of a worker.
BullModule.workerClass = StoreWorker as never;

@Global()
@Module({
  imports: [
    BullModule.forRootAsync({
      inject: [QUEUE_ENGINE],
      useFactory: ({ options }: QueueEngine) => options,
      // A process decides at start which queues it serves.
      extraOptions: { manualRegistration: true },
    }),
  ],
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
