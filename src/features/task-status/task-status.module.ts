import { Module } from '@nestjs/common';
import { TasksModule } from '../../tasks/tasks.module.js';
import { AuditModule } from '../audit/audit.module.js';
import { TaskStatusController } from './task-status.controller.js';
import { TaskStatusService } from './task-status.service.js';

@Module({
  imports: [AuditModule, TasksModule],
  controllers: [TaskStatusController],
  providers: [TaskStatusService],
  exports: [TaskStatusService],
})
export class TaskStatusModule {}
