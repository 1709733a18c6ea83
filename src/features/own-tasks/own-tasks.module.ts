import { Module } from '@nestjs/common';
import { TasksModule } from '../../tasks/tasks.module.js';
import { AuditModule } from '../audit/audit.module.js';
import { TaskStatusModule } from '../task-status/task-status.module.js';
import { OwnTasksController } from './own-tasks.controller.js';
import { OwnTasksService } from './own-tasks.service.js';

@Module({
  imports: [TasksModule, AuditModule, TaskStatusModule],
  controllers: [OwnTasksController],
  providers: [OwnTasksService],
})
export class OwnTasksModule {}
