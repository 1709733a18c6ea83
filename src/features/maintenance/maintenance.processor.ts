import { Injectable } from '@nestjs/common';
import type { TaskContext } from '../../tasks/definitions/task-context.js';
import { HandlesTask } from '../../tasks/definitions/task-handler.decorator.js';
import { MaintenanceService } from './maintenance.service.js';
import { deleteOldDataTask, sweepExpiredResultsTask } from './maintenance.tasks.js';

@Injectable()
export class MaintenanceProcessor {
  constructor(private readonly maintenance: MaintenanceService) {}

  @HandlesTask(sweepExpiredResultsTask)
  async sweep(_payload: null, { signal }: TaskContext) {
    return this.maintenance.dropExpiredResults(signal);
  }

  @HandlesTask(deleteOldDataTask)
  async deleteOldData(_payload: null, { signal }: TaskContext) {
    return this.maintenance.deleteOldRows(signal);
  }
}
