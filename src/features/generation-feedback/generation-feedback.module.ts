import { Module } from '@nestjs/common';
import { AuditModule } from '../audit/audit.module.js';
import { FeedbackRows } from './feedback-rows.js';
import { FeedbackController } from './feedback.controller.js';
import { FeedbackService } from './feedback.service.js';

@Module({
  imports: [AuditModule],
  controllers: [FeedbackController],
  providers: [FeedbackService, FeedbackRows],
})
export class GenerationFeedbackModule {}
