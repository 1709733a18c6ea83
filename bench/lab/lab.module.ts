import { once } from 'node:events';
import type { DynamicModule } from '@nestjs/common';
import { ConfigModule, type Settings } from '../../src/config/config.module.js';
import { DatabaseModule } from '../../src/infrastructure/database/database.module.js';
import type { TaskContext } from '../../src/tasks/definitions/task-context.js';
import type { Payload } from '../../src/tasks/definitions/task-definition.js';
import { HandlesTask } from '../../src/tasks/definitions/task-handler.decorator.js';
import { TaskEntity } from '../../src/tasks/ledger/task.entity.js';
import { TaskWorkersModule } from '../../src/tasks/tasks.module.js';
import { bodyTask, countTask, endlessTask, noOpTask, stoppedLine } from './lab.tasks.js';

class LabProcessor {
  @HandlesTask(noOpTask)
  async nothing(): Promise<null> {
    return null;
  }

  @HandlesTask(countTask)
  async count({ n }: Payload<typeof countTask>): Promise<number> {
    return n + 1;
  }

  @HandlesTask(bodyTask)
  async body(parts: Payload<typeof bodyTask>): Promise<number> {
    return parts.length;
  }

  @HandlesTask(endlessTask)
  async endless(_: Payload<typeof endlessTask>, { taskId, signal }: TaskContext): Promise<null> {
    if (!signal.aborted) await once(signal, 'abort');
    console.log(stoppedLine(taskId, Date.now()));
    throw signal.reason;
  }
}

/** A worker as in production, whose handlers do next to nothing. */
export function labModule(settings: Settings): DynamicModule {
  class LabModule {}
  return {
    module: LabModule,
    imports: [ConfigModule.with(settings), DatabaseModule.with([TaskEntity]), TaskWorkersModule],
    providers: [LabProcessor],
  };
}
