import { z } from 'zod';
import { isStorable, isStorableJson } from '../../common/storable-text.js';
import { findCommands } from './engines/prompt-commands.js';
import { generationResult } from './image-generation.tasks.js';
import { taskStatusFields } from '../task-status/task-status.dto.js';

/** Steps × width × height × batch: what one request may ask of a GPU (150 steps of 2048² and more). */
const maxWork = 1_000_000_000;

const text = (min: number, max: number) =>
  z.string().trim().min(min).max(max).refine(isStorable, 'contains a NUL or a broken character');
const prompt = (min: number) =>
  text(min, 2000).refine(
    (value) => findCommands(value).length === 0,
    'holds what an engine may read as a command (<…>, __…__ or {…|…}), which is not allowed here',
  );
const label = text(1, 200);
const side = z.int().min(64).max(2048).multipleOf(8).default(512);

export const generationRequest = z
  .strictObject({
    prompt: prompt(1).describe('What the picture shows.'),
    negative_prompt: prompt(0).default('').describe('What it does not show.'),
    width: side.describe('Pixels, a multiple of 8.'),
    height: side.describe('Pixels, a multiple of 8.'),
    steps: z.int().min(1).max(150).default(20),
    cfg_scale: z.number().min(0).max(30).default(7),
    sampler_name: label.optional(),
    scheduler: label.optional(),
    seed: z
      .int()
      .min(-1)
      .max(4_294_967_295)
      .default(-1)
      .describe('-1: chosen for you, below 2^31, and reported.'),
    batch_size: z.int().min(1).max(8).default(1),
    model: label.optional().describe('Checkpoint, as the engine names it.'),
    character_name: label.optional(),
    chat_id: label.optional(),
    priority: z.enum(['high', 'normal', 'low']).default('normal'),
    webhook_url: z.never('webhooks are not available yet').optional(),
    notify_email: z.literal(false, 'e-mail is not available yet').optional(),
    expires_in: z
      .int()
      .min(1)
      .max(604_800)
      .optional()
      .describe('Seconds; a picture not begun by then is not made.'),
    metadata: z
      .record(z.string(), z.json())
      .refine((value) => Buffer.byteLength(JSON.stringify(value)) <= 4096, 'has over 4096 bytes')
      .refine(isStorableJson, 'contains a NUL or a broken character')
      .optional()
      .describe('Yours; given back with the status.'),
  })
  .refine((r) => r.steps * r.width * r.height * r.batch_size <= maxWork, {
    path: ['steps'],
    when: ({ issues }) => issues.length === 0,
    message: `steps × width × height × batch_size is over ${maxWork}`,
  });

export type GenerationRequest = z.output<typeof generationRequest>;

export const generationAccepted = z.strictObject({
  task_id: z.uuid(),
  status: z.literal('PENDING'),
  status_url: z.string(),
  seed: z.int(),
});
export type GenerationAccepted = z.output<typeof generationAccepted>;

export const generationStatus = z.strictObject({
  ...taskStatusFields,
  result: generationResult.nullable(),
  metadata: z.record(z.string(), z.json()).nullable(),
});
export type GenerationStatus = z.output<typeof generationStatus>;
