import { Controller, Get, Query, Req } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { Answers } from '../../infrastructure/http/answers.decorator.js';
import { CurrentUser, Writes } from '../auth/auth.decorators.js';
import type { RequestUser } from '../auth/request-user.js';
import {
  calculateAnswer,
  calculateQuery,
  type CalculateAnswer,
  type CalculateQuery,
} from './calculate.dto.js';
import { CalculateService } from './calculate.service.js';

@ApiTags('tasks')
@Controller('api/v1/calculate')
export class CalculateController {
  constructor(private readonly calculations: CalculateService) {}

  @ApiOperation({ summary: 'Add two numbers, in a background task' })
  @Get()
  @Writes()
  @Answers(200, calculateAnswer, 'Sent; ask `/api/v1/task_status/{task_id}` for the sum.')
  async calculate(
    @Query({ schema: calculateQuery }) terms: CalculateQuery,
    @CurrentUser() user: RequestUser,
    @Req() http: FastifyRequest,
  ): Promise<CalculateAnswer> {
    const sending = { ownerId: user.id, correlationId: http.id };
    const task_id = await this.calculations.start(terms, sending);
    return { message: 'Calculation task sent.', task_id };
  }
}
