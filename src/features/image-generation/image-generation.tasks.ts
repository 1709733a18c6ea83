import { z } from 'zod';
import { defineTask } from '../../tasks/task-definition.js';

/** Checked already by the route; here it is what the ledger may hold. */
const payload = z.strictObject({
  prompt: z.string(),
  negative_prompt: z.string(),
  width: z.int(),
  height: z.int(),
  steps: z.int(),
  cfg_scale: z.number(),
  sampler_name: z.string().optional(),
  scheduler: z.string().optional(),
  /** Fixed before dispatch, so that a repeated attempt makes the same picture. */
  seed: z.int(),
  batch_size: z.int(),
  model: z.string().optional(),
  character_name: z.string().optional(),
  chat_id: z.string().optional(),
  metadata: z.record(z.string(), z.json()).optional(),
});

export const generationResult = z.strictObject({
  images: z.array(
    z.strictObject({
      image_id: z.uuid(),
      url: z.string(),
      thumbnail_url: z.string(),
      width: z.int(),
      height: z.int(),
      content_type: z.enum(['image/png', 'image/jpeg', 'image/webp']),
      bytes: z.int(),
      sha256: z.string(),
      seed: z.int(),
      index: z.int(),
    }),
  ),
  model: z.string().nullable(),
  engine: z.string(),
  seconds: z.number(),
});

export const generateImageTask = defineTask({
  name: 'generate_image_task',
  queue: 'high_priority',
  payload,
  result: generationResult,
  // Read by the user for as long as the pictures are kept.
  resultExpiresMs: null,
});
