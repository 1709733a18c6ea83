import { z } from 'zod';

export const requestsTopic = 'workers.requests';

/** Where one asking process gets its answers. */
export function answersTopic(asker: string): string {
  return `workers.answers.${asker}`;
}

/** A question to workers. It holds names and numbers; nothing in it is ever run. */
export const requestSchema = z.object({
  id: z.uuid(),
  asker: z.string().regex(/^[0-9a-f]{32}$/),
  command: z.string(),
  args: z.unknown(),
  /** Names of the workers that are meant; absent: all. */
  destination: z.array(z.string()).optional(),
  /** Nobody waits any more: milliseconds since 1970, by the database's clock. */
  expiresAt: z.number(),
});
export type Request = z.output<typeof requestSchema>;

const answered = { id: z.uuid(), worker: z.string() };
export const answerSchema = z.discriminatedUnion('ok', [
  z.object({ ...answered, ok: z.literal(true), data: z.unknown() }),
  z.object({ ...answered, ok: z.literal(false), error: z.string() }),
]);
export type Answer = z.output<typeof answerSchema>;
