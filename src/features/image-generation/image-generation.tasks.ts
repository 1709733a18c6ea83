import { z } from 'zod';
import { isStorable } from '../../common/storable-text.js';
import { defineTask, type Payload } from '../../tasks/definitions/task-definition.js';
import { imageResult } from '../images/image-result.js';
import { generationEndedTask } from './generation-ended.task.js';
import {
  aboveMaxWork,
  generationFields,
  isWithinMaxWork,
  wishFields,
} from './generation-fields.js';
import { chosenSeed } from './seed.js';

export const longestMessage = 2_000;
const userMessage = z
  .string()
  .min(1)
  .max(longestMessage)
  .refine(isStorable, 'contains a NUL or a broken character');

/** The seed is chosen before dispatch, so that a retry makes the same picture. */
const payload = z
  .strictObject({
    ...generationFields,
    ...wishFields,
    /** What the user wrote, where that is not the prompt: kept in the chat. */
    user_message: userMessage.optional(),
  })
  .refine(isWithinMaxWork, aboveMaxWork)
  .transform((fields) => ({
    ...fields,
    seed: fields.seed === -1 ? chosenSeed(fields.batch_size) : fields.seed,
  }));

export const generationResult = z.strictObject({
  images: z.array(imageResult),
  model: z.string().nullable(),
  engine: z.string(),
  seconds: z.number(),
});

export const generateImageTask = defineTask({
  name: 'generate_image_task',
  queue: 'high_priority',
  payload,
  result: generationResult,
  // Pictures have an owner.
  needsOwner: true,
  // One of 512 × 512 with 20 steps costs 1: engines need time for pixels × steps.
  fairShare: {
    cost: ({ width, height, steps, batch_size }) =>
      (width * height * steps * batch_size) / (512 * 512 * 20),
  },
  // The user may read it for as long as the pictures are kept.
  resultExpiresMs: null,
  followUp: generationEndedTask,
});

export type GenerationPayload = Payload<typeof generateImageTask>;
