import { Module } from '@nestjs/common';
import { TasksModule } from '../../tasks/tasks.module.js';
import { TaskStatusController } from './task-status.controller.js';
import { TaskStatusService } from './task-status.service.js';

@Module({
  imports: [TasksModule],
  controllers: [TaskStatusController],
  providers: [TaskStatusService],
  exports: [TaskStatusService],
})
export class TaskStatusModule {}
