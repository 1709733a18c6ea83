import { Module, type DynamicModule } from '@nestjs/common';
import type { TaskDefinition } from '../../tasks/definitions/task-definition.js';
import { MaintenanceProcessor } from './maintenance.processor.js';
import { MaintenanceService, OLD_ROWS } from './maintenance.service.js';
import type { OldRows } from './old-rows.js';
import { finishedTasks, oldOnceKeys, oldRates, oldScheduleRuns } from './old-tasks.js';

@Module({})
export class MaintenanceWorkerModule {
  /** @param kept tasks that have their own retention period, in `oldRows` */
  static with(options: { oldRows: OldRows[]; kept: TaskDefinition[] }): DynamicModule {
    const except = options.kept.map((task) => task.name);
    const oldTasks = finishedTasks('tasks', (settings) => settings.taskRetentionDays, { except });
    const own = [oldTasks, oldScheduleRuns, oldOnceKeys, oldRates];
    const oldRows = [...own, ...options.oldRows];
    return {
      module: MaintenanceWorkerModule,
      providers: [
        MaintenanceProcessor,
        MaintenanceService,
        { provide: OLD_ROWS, useValue: oldRows },
      ],
    };
  }
}
