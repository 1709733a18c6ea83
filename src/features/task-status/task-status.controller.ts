import { Controller, Get, Param } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { Answers } from '../../infrastructure/http/answers.decorator.js';
import { IdPipe } from '../../infrastructure/http/validation.js';
import { CurrentUser } from '../auth/auth.decorators.js';
import type { RequestUser } from '../auth/request-user.js';
import { shortTaskStatus, shortTaskStatusOf, type ShortTaskStatus } from './task-status.dto.js';
import { TaskStatusService } from './task-status.service.js';

@ApiTags('tasks')
@Controller('api/v1/task_status')
export class TaskStatusController {
  constructor(private readonly tasks: TaskStatusService) {}

  @ApiOperation({ summary: 'Get the state of a task' })
  @Get(':task_id')
  @Answers(200, shortTaskStatus)
  async status(
    @Param('task_id', new IdPipe('task')) id: string,
    @CurrentUser() user: RequestUser,
  ): Promise<ShortTaskStatus> {
    return shortTaskStatusOf(await this.tasks.find(id, user));
  }
}
