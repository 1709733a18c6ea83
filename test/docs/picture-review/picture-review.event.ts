import { z } from 'zod';
import { defineEvent } from '../../../src/features/pipelines/event-type.js';

export const pictureReview = defineEvent({
  type: 'picture_review',
  description: 'Somebody has written about a picture.',
  data: z.strictObject({
    image_id: z.uuid(),
    text: z.string().min(1).max(5_000),
  }),
});
