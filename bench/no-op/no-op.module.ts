import type { DynamicModule } from '@nestjs/common';
import { ConfigModule, type Settings } from '../../src/config/config.module.js';
import { DatabaseModule } from '../../src/infrastructure/database/database.module.js';
import { HandlesTask } from '../../src/tasks/task-handler.decorator.js';
import { TaskEntity } from '../../src/tasks/task.entity.js';
import { TaskWorkersModule } from '../../src/tasks/tasks.module.js';
import { noOpTask } from './no-op.tasks.js';

class NoOpProcessor {
  @HandlesTask(noOpTask)
  async nothing(): Promise<null> {
    return null;
  }
}

/** A worker as in production, whose one handler does nothing. */
export function noOpModule(settings: Settings): DynamicModule {
  class NoOpModule {}
  return {
    module: NoOpModule,
    imports: [ConfigModule.with(settings), DatabaseModule.with([TaskEntity]), TaskWorkersModule],
    providers: [NoOpProcessor],
  };
}
