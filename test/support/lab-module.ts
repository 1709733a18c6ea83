import type { DynamicModule, Provider } from '@nestjs/common';
import { ConfigModule, type Settings } from '../../src/config/config.module.js';
import { DatabaseModule } from '../../src/infrastructure/database/database.module.js';
import { TaskEntity } from '../../src/tasks/ledger/task.entity.js';
import { TaskWorkersModule, TasksModule } from '../../src/tasks/tasks.module.js';

/** The task core with these handlers, and nothing else. */
export function labModule(settings: Settings, providers: Provider[] = []): DynamicModule {
  class LabModule {}
  return {
    module: LabModule,
    imports: [
      ConfigModule.with(settings),
      DatabaseModule.with([TaskEntity]),
      TasksModule,
      TaskWorkersModule,
    ],
    providers,
  };
}
