import { Body, Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { Answers } from '../../infrastructure/http/answers.decorator.js';
import { IdPipe } from '../../infrastructure/http/validation.js';
import { AdminOnly, CurrentUser } from '../auth/auth.decorators.js';
import type { RequestUser } from '../auth/request-user.js';
import {
  grantAnswer,
  grantRequest,
  refundAnswer,
  refundRequest,
  statement,
  statementQuery,
  type GrantAnswer,
  type GrantRequest,
  type RefundAnswer,
  type RefundRequest,
  type Statement,
  type StatementQuery,
} from './credits.dto.js';
import { CreditsService } from './credits.service.js';

@ApiTags('credits')
@Controller('api/v1')
export class CreditsController {
  constructor(private readonly credits: CreditsService) {}

  @ApiOperation({ summary: 'Get your balance, your plan and the history of your credits' })
  @Get('credits')
  @Answers(200, statement)
  own(
    @Query({ schema: statementQuery }) query: StatementQuery,
    @CurrentUser() user: RequestUser,
  ): Promise<Statement> {
    return this.credits.statement(user.id, query);
  }

  @ApiOperation({ summary: 'For admins: get the credits of a user' })
  @Get('users/:user_id/credits')
  @AdminOnly()
  @Answers(200, statement)
  ofUser(
    @Param('user_id', new IdPipe('user')) userId: string,
    @Query({ schema: statementQuery }) query: StatementQuery,
    @CurrentUser() admin: RequestUser,
  ): Promise<Statement> {
    return this.credits.statementOfUser(admin, userId, query);
  }

  @ApiOperation({ summary: 'For admins: grant credits to a user' })
  @Post('users/:user_id/credits')
  @HttpCode(200)
  @AdminOnly()
  @Answers(200, grantAnswer)
  grant(
    @Param('user_id', new IdPipe('user')) userId: string,
    @Body({ schema: grantRequest }) request: GrantRequest,
    @CurrentUser() admin: RequestUser,
  ): Promise<GrantAnswer> {
    return this.credits.grant(admin, userId, request);
  }

  @ApiOperation({
    summary: 'For admins: give back what a task was charged',
    description: 'Refunding it again changes nothing.',
  })
  @Post('tasks/:task_id/refund')
  @HttpCode(200)
  @AdminOnly()
  @Answers(200, refundAnswer)
  refund(
    @Param('task_id', new IdPipe('task')) taskId: string,
    @Body({ schema: refundRequest }) request: RefundRequest,
    @CurrentUser() admin: RequestUser,
  ): Promise<RefundAnswer> {
    return this.credits.refund(admin, taskId, request);
  }
}
