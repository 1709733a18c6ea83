import { z } from 'zod';

export const MISBEHAVIOURS = [
  // Answers that never come, or break on the way.
  'never_answer',
  'drip',
  'reset_before_headers',
  'reset_mid_body',
  'oversized_body',
  'restart',
  // Refusals.
  'refuse_bad_field',
  'unknown_script',
  'sampler_not_found_400',
  'bad_image_500',
  'oom_a1111',
  'oom_forge',
  'oom_then_frozen_progress',
  'unauthorized',
  'rate_limited',
  'status_502',
  'status_503',
  'status_504',
  // A 200 that is not a success.
  'empty_images',
  'wrong_count',
  'wrong_size',
  'undecodable',
  'not_base64',
  'truncated_png',
  'wrong_model',
  'half_denoised',
  'html_200',
  // A success that looks unlike the last one.
  'slow',
  'grid_first',
  'jpg',
  'webp',
] as const;

export type MisbehaviourKind = (typeof MISBEHAVIOURS)[number];

export const misbehaviourSchema = z.strictObject({
  kind: z.enum(MISBEHAVIOURS),
  /** How many of the next txt2img requests it spoils. */
  times: z.int().min(1).default(1),
  /** drip */
  bytesPerSecond: z.number().positive().default(64),
  /** oversized_body */
  bytes: z
    .int()
    .positive()
    .default(70 * 1024 * 1024),
  /** restart: how long connections are refused */
  ms: z.int().min(0).default(500),
  /** slow */
  stepMs: z.int().min(0).default(1000),
  /** rate_limited */
  retryAfterSeconds: z.int().min(0).default(1),
});

export type MisbehaviourInput = z.input<typeof misbehaviourSchema>;
export type Misbehaviour = z.infer<typeof misbehaviourSchema>;

/** Orders for the next txt2img requests, taken first come, first served. */
export class MisbehaviourQueue {
  private orders: Misbehaviour[] = [];

  /** @throws ZodError */
  add(input: MisbehaviourInput): void {
    this.orders.push(misbehaviourSchema.parse(input));
  }

  take(): Misbehaviour | undefined {
    const next = this.orders[0];
    if (!next) return undefined;
    next.times -= 1;
    if (next.times === 0) this.orders.shift();
    return next;
  }

  clear(): void {
    this.orders = [];
  }

  list(): Misbehaviour[] {
    return this.orders.map((order) => ({ ...order }));
  }
}
