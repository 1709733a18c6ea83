import { Module } from '@nestjs/common';
import { TasksModule } from '../../tasks/tasks.module.js';
import { CalculateController } from './calculate.controller.js';
import { CalculateService } from './calculate.service.js';

@Module({
  imports: [TasksModule],
  controllers: [CalculateController],
  providers: [CalculateService],
})
export class CalculateModule {}
