import { Module, type DynamicModule } from '@nestjs/common';
import { ConfigModule, type Settings } from './config/config.module.js';
import { apiFeatures } from './api-features.js';
import { entities } from './entities.js';
import { DatabaseModule } from './infrastructure/database/database.module.js';
import { TasksModule } from './tasks/tasks.module.js';

/** The process that answers HTTP and sends tasks. */
@Module({})
export class ApiModule {
  static with(settings: Settings): DynamicModule {
    return {
      module: ApiModule,
      imports: [
        ConfigModule.with(settings),
        DatabaseModule.with(entities),
        TasksModule,
        ...apiFeatures,
      ],
    };
  }
}
