import { z } from 'zod';
import { numberInQuery } from '../../infrastructure/http/number-in-query.js';
import { timeCursor, timeCursorOf } from '../../infrastructure/http/time-cursor.js';
import type { FlaggedFeedback, ModelFigures } from './feedback-rows.js';

const maxPage = 200;

export const feedbackQuery = z.strictObject({
  limit: numberInQuery(z.int().min(1).max(maxPage).default(50)).describe(
    `Most flagged entries in one answer; at most ${maxPage}.`,
  ),
  cursor: timeCursor.optional().describe('`next_cursor` of the answer before.'),
});
export type FeedbackQuery = z.output<typeof feedbackQuery>;

export const feedbackReport = z.strictObject({
  models: z
    .array(
      z.strictObject({
        model: z.string(),
        ratings: z.int(),
        mean: z.number().describe('From 1 to 5.'),
        flagged: z.int(),
      }),
    )
    .describe('Those with the most ratings first.'),
  flagged: z
    .array(
      z.strictObject({
        task_id: z.uuid(),
        user_id: z.uuid(),
        event_id: z.uuid(),
        model: z.string(),
        rating: z.int(),
        text: z.string().nullable(),
        created_at: z.iso.datetime(),
      }),
    )
    .describe('The newest first.'),
  next_cursor: z.string().nullable().describe('null: there are no more.'),
});
export type FeedbackReport = z.output<typeof feedbackReport>;

export function feedbackReportOf(
  models: ModelFigures[],
  found: FlaggedFeedback[],
  limit: number,
): FeedbackReport {
  const page = found.slice(0, limit);
  const last = found.length > limit ? page.at(-1)! : null;
  return {
    models,
    flagged: page.map((one) => ({
      task_id: one.taskId,
      user_id: one.ownerId,
      event_id: one.eventId,
      model: one.model,
      rating: one.rating,
      text: one.text,
      created_at: one.createdAt.toISOString(),
    })),
    next_cursor: last && timeCursorOf(last.createdAt, last.taskId),
  };
}
