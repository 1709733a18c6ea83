import { z } from 'zod';
import { validationError, type FieldProblem } from './api-error.js';

const integer = (fallback: number, min: number, max: number) =>
  z
    .int()
    .min(min)
    .max(max)
    .nullish()
    .transform((value) => value ?? fallback);
const text = z
  .string()
  .nullish()
  .transform((value) => value ?? '');

/** What A1111 reads of a txt2img body; other fields are ignored, as FastAPI does. */
export const txt2ImgSchema = z.object({
  prompt: text,
  negative_prompt: text,
  seed: integer(-1, -1, 2 ** 32 - 1),
  sampler_name: z.string().nullish(),
  sampler_index: z.string().default('Euler'),
  scheduler: z.string().nullish(),
  batch_size: integer(1, 1, 64),
  n_iter: integer(1, 1, 64),
  steps: integer(50, 1, 1000),
  cfg_scale: z
    .number()
    .nullish()
    .transform((value) => value ?? 7),
  width: integer(512, 8, 8192),
  height: integer(512, 8, 8192),
  override_settings: z
    .record(z.string(), z.unknown())
    .nullish()
    .transform((value) => value ?? {}),
  override_settings_restore_afterwards: z.boolean().default(true),
  send_images: z.boolean().default(true),
  save_images: z.boolean().default(false),
  force_task_id: z.string().nullish(),
  script_name: z.string().nullish(),
  alwayson_scripts: z.record(z.string(), z.unknown()).default({}),
});

export type Txt2ImgRequest = z.infer<typeof txt2ImgSchema>;

/** @throws ApiError 422 in FastAPI's shape */
export function readTxt2Img(body: unknown): Txt2ImgRequest {
  if (body === undefined) {
    throw validationError([{ loc: ['body'], msg: 'field required', type: 'value_error.missing' }]);
  }
  const read = txt2ImgSchema.safeParse(body);
  if (!read.success) throw validationError(read.error.issues.map(asFieldProblem));
  return read.data;
}

function asFieldProblem(issue: z.core.$ZodIssue): FieldProblem {
  const loc = [
    'body',
    ...issue.path.map((part) => (typeof part === 'number' ? part : String(part))),
  ];
  if (issue.code === 'invalid_type') {
    const type = issue.expected === 'int' ? 'integer' : issue.expected;
    return { loc, msg: `value is not a valid ${type}`, type: `type_error.${type}` };
  }
  if (issue.code === 'too_small') {
    const msg = `ensure this value is greater than or equal to ${issue.minimum}`;
    return { loc, msg, type: 'value_error.number.not_ge' };
  }
  if (issue.code === 'too_big') {
    const msg = `ensure this value is less than or equal to ${issue.maximum}`;
    return { loc, msg, type: 'value_error.number.not_le' };
  }
  return { loc, msg: issue.message, type: 'value_error' };
}
