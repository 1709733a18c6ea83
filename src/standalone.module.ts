import { Module, type DynamicModule } from '@nestjs/common';
import { ConfigModule, type Settings } from './config/config.module.js';
import { apiFeatures } from './api-features.js';
import { entities } from './entities.js';
import { workerFeatures } from './worker-features.js';
import { DatabaseModule } from './infrastructure/database/database.module.js';
import { TaskWorkersModule, TasksModule } from './tasks/tasks.module.js';

/** API and workers in one process, for one machine. */
@Module({})
export class StandaloneModule {
  static with(settings: Settings): DynamicModule {
    return {
      module: StandaloneModule,
      imports: [
        ConfigModule.with(settings),
        DatabaseModule.with(entities),
        TasksModule,
        TaskWorkersModule,
        ...apiFeatures,
        ...workerFeatures,
      ],
    };
  }
}
