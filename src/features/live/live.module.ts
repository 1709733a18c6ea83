import { Module } from '@nestjs/common';
import { TasksModule } from '../../tasks/tasks.module.js';
import { AuditModule } from '../audit/audit.module.js';
import { AuthModule } from '../auth/auth.module.js';
import { TaskStatusModule } from '../task-status/task-status.module.js';
import { Heartbeats } from './heartbeats.js';
import { HistoryTail } from './history-tail.js';
import { LiveController } from './live.controller.js';
import { LiveLimits } from './live-limits.js';
import { LiveService } from './live.service.js';

@Module({
  imports: [TasksModule, AuditModule, AuthModule, TaskStatusModule],
  controllers: [LiveController],
  providers: [LiveService, HistoryTail, Heartbeats, LiveLimits],
})
export class LiveModule {}
