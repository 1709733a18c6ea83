import { Controller, Get, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { Answers } from '../../infrastructure/http/answers.decorator.js';
import { AdminOnly, CurrentUser } from '../auth/auth.decorators.js';
import type { RequestUser } from '../auth/request-user.js';
import {
  feedbackQuery,
  feedbackReport,
  type FeedbackQuery,
  type FeedbackReport,
} from './feedback.dto.js';
import { FeedbackService } from './feedback.service.js';

@ApiTags('operation')
@Controller('api/v1/admin/feedback')
export class FeedbackController {
  constructor(private readonly feedback: FeedbackService) {}

  @ApiOperation({ summary: 'For admins: how models are rated, and the feedback that is flagged' })
  @Get()
  @AdminOnly()
  @Answers(200, feedbackReport)
  report(
    @Query({ schema: feedbackQuery }) query: FeedbackQuery,
    @CurrentUser() admin: RequestUser,
  ): Promise<FeedbackReport> {
    return this.feedback.report(admin, query);
  }
}
