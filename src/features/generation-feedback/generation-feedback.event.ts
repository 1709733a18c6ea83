import { z } from 'zod';
import { isStorable } from '../../common/storable-text.js';
import { defineEvent } from '../pipelines/event-type.js';

export const feedback = z
  .strictObject({
    task_id: z.uuid().describe('The generation.'),
    rating: z.int().min(1).max(5).describe('5 is best.'),
    text: z
      .string()
      .trim()
      .min(1)
      .max(2_000)
      .refine(isStorable, 'contains a NUL or a broken character')
      .optional(),
  })
  .meta({
    example: { task_id: '01a21f65-e934-7703-8e5f-85676ab4dd59', rating: 5, text: 'Just right.' },
  });
export type Feedback = z.output<typeof feedback>;

export const generationFeedbackEvent = defineEvent({
  type: 'generation_feedback',
  description: 'A user rates a generation. The newest rating of a generation counts.',
  data: feedback,
});
