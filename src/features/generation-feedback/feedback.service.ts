import { Injectable } from '@nestjs/common';
import { AuditLog } from '../audit/audit-log.js';
import type { RequestUser } from '../auth/request-user.js';
import { FeedbackRows } from './feedback-rows.js';
import { feedbackReportOf, type FeedbackQuery, type FeedbackReport } from './feedback.dto.js';

/** What admins see of feedback. */
@Injectable()
export class FeedbackService {
  constructor(
    private readonly rows: FeedbackRows,
    private readonly audit: AuditLog,
  ) {}

  async report(admin: RequestUser, { limit, cursor }: FeedbackQuery): Promise<FeedbackReport> {
    this.audit.reads(admin, { action: 'feedback.list', target: 'all' });
    const [models, flagged] = await Promise.all([
      this.rows.ofModels(),
      this.rows.flagged(limit, cursor),
    ]);
    return feedbackReportOf(models, flagged, limit);
  }
}
