import { Body, Controller, Delete, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiNoContentResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Answers } from '../../infrastructure/http/answers.decorator.js';
import { IdPipe } from '../../infrastructure/http/validation.js';
import { CurrentUser } from '../auth/auth.decorators.js';
import type { RequestUser } from '../auth/request-user.js';
import {
  listQuery,
  revokeAnswer,
  revokeRequest,
  taskList,
  type ListQuery,
  type RevokeAnswer,
  type RevokeRequest,
  type TaskList,
} from './own-tasks.dto.js';
import { OwnTasksService } from './own-tasks.service.js';

@ApiTags('tasks')
@Controller('api/v1/tasks')
export class OwnTasksController {
  constructor(private readonly tasks: OwnTasksService) {}

  @ApiOperation({ summary: 'List your tasks' })
  @Get()
  @Answers(200, taskList)
  list(
    @Query({ schema: listQuery }) query: ListQuery,
    @CurrentUser() user: RequestUser,
  ): Promise<TaskList> {
    return this.tasks.list(user, query);
  }

  @ApiOperation({ summary: 'Cancel a task, or a whole canvas by its root' })
  @Post(':task_id/revoke')
  @HttpCode(200)
  @Answers(200, revokeAnswer)
  revoke(
    @Param('task_id', new IdPipe('task')) id: string,
    @Body({ schema: revokeRequest }) request: RevokeRequest,
    @CurrentUser() user: RequestUser,
  ): Promise<RevokeAnswer> {
    return this.tasks.revoke(user, id, request);
  }

  @ApiOperation({
    summary: 'Drop the result of a task',
    description: 'The task itself stays until its retention is over, and so do its pictures.',
  })
  @Delete(':task_id')
  @HttpCode(204)
  @ApiNoContentResponse({ description: 'Its result is gone, or will be when it ends.' })
  async forget(
    @Param('task_id', new IdPipe('task')) id: string,
    @CurrentUser() user: RequestUser,
  ): Promise<void> {
    await this.tasks.forget(user, id);
  }
}
