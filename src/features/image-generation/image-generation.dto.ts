import { z } from 'zod';
import { anyJson } from '../../common/any-json.js';
import { aboveMaxWork, generationFields, isWithinMaxWork } from './generation-fields.js';
import { generationResult } from './image-generation.tasks.js';
import { TASK_STATES } from '../../tasks/definitions/task-state.js';
import { taskStatusFields } from '../task-status/task-status.dto.js';

export const generationRequest = z
  .strictObject({
    ...generationFields,
    priority: z.enum(['high', 'normal', 'low']).default('normal'),
    webhook_url: z.never('webhooks are not available yet').optional(),
    notify_email: z.literal(false, 'e-mail is not available yet').optional(),
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
});
export type GenerationAccepted = z.output<typeof generationAccepted>;

export const generationStatus = z.strictObject({
  ...taskStatusFields,
  result: generationResult.nullable(),
  metadata: z.record(z.string(), anyJson).nullable(),
});
export type GenerationStatus = z.output<typeof generationStatus>;
