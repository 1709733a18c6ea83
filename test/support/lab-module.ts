import type { DynamicModule, Provider, Type } from '@nestjs/common';
import { ConfigModule, type Settings } from '../../src/config/config.module.js';
import { DatabaseModule } from '../../src/infrastructure/database/database.module.js';
import { TaskEntity } from '../../src/tasks/ledger/task.entity.js';
import { TaskWorkersModule, TasksModule } from '../../src/tasks/tasks.module.js';

/** The task core with these handlers, and these modules of features. */
export function labModule(
  settings: Settings,
  providers: Provider[] = [],
  modules: Type[] = [],
): DynamicModule {
  class LabModule {}
  return {
    module: LabModule,
    imports: [
      ConfigModule.with(settings),
      DatabaseModule.with([TaskEntity]),
      TasksModule,
      TaskWorkersModule,
      ...modules,
    ],
    providers,
  };
}
