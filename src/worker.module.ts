import { Module, type DynamicModule } from '@nestjs/common';
import { ConfigModule, type Settings } from './config/config.module.js';
import { entities } from './entities.js';
import { workerFeatures } from './worker-features.js';
import { DatabaseModule } from './infrastructure/database/database.module.js';
import { TaskWorkersModule } from './tasks/tasks.module.js';

/** The process that runs tasks. */
@Module({})
export class WorkerModule {
  static with(settings: Settings): DynamicModule {
    return {
      module: WorkerModule,
      imports: [
        ConfigModule.with(settings),
        DatabaseModule.with(entities),
        TaskWorkersModule,
        ...workerFeatures,
      ],
    };
  }
}
