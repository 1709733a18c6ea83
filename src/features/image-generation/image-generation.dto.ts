import { z } from 'zod';
import { anyJson } from '../../common/any-json.js';
import {
  aboveMaxWork,
  generationFields,
  isWithinMaxWork,
  wishFields,
} from './generation-fields.js';
import { generationResult } from './image-generation.tasks.js';
import { TASK_STATES } from '../../tasks/definitions/task-state.js';
import { taskStatusFields } from '../task-status/task-status.dto.js';

const priorityName = z.enum(['high', 'normal', 'low']);

export const generationRequest = z
  .strictObject({
    ...generationFields,
    priority: priorityName
      .default('normal')
      .describe('A higher one than your plan allows is lowered to that.'),
    ...wishFields,
    expires_in: z
      .int()
      .min(1)
      .max(604_800)
      .optional()
      .describe('Seconds; a picture that has not been started by then is not made.'),
  })
  .refine(isWithinMaxWork, aboveMaxWork)
  // "Try it out" sends this: no sampler, scheduler or model, since an engine may not have it.
  .meta({
    example: { prompt: 'a lighthouse at dusk', width: 512, height: 512, steps: 20, seed: -1 },
  });

export type GenerationRequest = z.output<typeof generationRequest>;

export const generationAccepted = z.strictObject({
  task_id: z.uuid(),
  status: z
    .enum(TASK_STATES)
    .describe('PENDING for a new task; the current state for a repeated request.'),
  status_url: z.string(),
  seed: z.int(),
  priority: priorityName,
});
export type GenerationAccepted = z.output<typeof generationAccepted>;

export const quote = z.strictObject({
  price: z.int().describe('Credits that are held, and at most charged.'),
  price_per_image: z.int().describe('Only images that are delivered are charged.'),
  images: z.int(),
  balance: z.int().describe('Credits that you may spend now.'),
  affordable: z.boolean(),
  priority: priorityName.describe('The one that it would have.'),
});
export type Quote = z.output<typeof quote>;

export const generationStatus = z.strictObject({
  ...taskStatusFields,
  result: generationResult.nullable(),
  metadata: z.record(z.string(), anyJson).nullable(),
});
export type GenerationStatus = z.output<typeof generationStatus>;
