import { z } from 'zod';
import { anyJson } from '../../common/any-json.js';
import { isStorable, isStorableJson } from '../../common/storable-text.js';
import { webhookUrl } from '../webhooks/webhook-urls.js';
import { findCommand } from './engines/prompt-commands.js';

/** Steps × width × height × batch: limits the work of one request (150 steps at 2048² and more). */
const maxWork = 1_000_000_000;

const text = (min: number, max: number) =>
  z.string().trim().min(min).max(max).refine(isStorable, 'contains a NUL or a broken character');
const prompt = (min: number) =>
  text(min, 2000).superRefine((value, context) => {
    const command = findCommand(value);
    if (!command) return;
    // Its form, not its text: the message may be logged, and prompts must not.
    const where =
      command.at === undefined ? 'written with look-alikes' : `at character ${command.at}`;
    context.addIssue(
      `contains ${command.form} ${where}, which an engine may read as a command; that is not allowed here`,
    );
  });
const label = text(1, 200);
const side = z.int().min(64).max(2048).multipleOf(8).default(512);

/** The fields that describe the pictures, with defaults: the same for the route and for code that sends the task. */
export const generationFields = {
  prompt: prompt(1).describe('What the picture should show.'),
  negative_prompt: prompt(0).default('').describe('What it should not show.'),
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
    .describe('-1: chosen for you, below 2^31, and shown in the status.'),
  batch_size: z.int().min(1).max(8).default(1),
  model: label.optional().describe('Checkpoint, as the engine names it.'),
  character_name: label.optional(),
  chat_id: label.optional(),
  metadata: z
    .record(z.string(), anyJson)
    .refine(
      (value) => Buffer.byteLength(JSON.stringify(value)) <= 4096,
      'is larger than 4096 bytes',
    )
    .refine(isStorableJson, 'contains a NUL or a broken character')
    .optional()
    .describe('Your own data; returned with the status.'),
};

/** Who is told how it ends. */
export const wishFields = {
  webhook_url: webhookUrl
    .optional()
    .describe(
      'Told of each event of this generation, in addition to the endpoints of your account.',
    ),
  notify_email: z
    .boolean()
    .optional()
    .describe('Whether you get a mail when it has ended, if your account has an address.'),
};

interface Work {
  steps: number;
  width: number;
  height: number;
  batch_size: number;
}

export function isWithinMaxWork({ steps, width, height, batch_size }: Work): boolean {
  return steps * width * height * batch_size <= maxWork;
}

export const aboveMaxWork = {
  path: ['steps'],
  when: ({ issues }: { issues: unknown[] }) => issues.length === 0,
  message: `steps × width × height × batch_size is over ${maxWork}`,
};
