import { z } from 'zod';

export const requestsTopic = 'workers.requests';

/** The topic on which one asking process receives its answers. */
export function answersTopic(asker: string): string {
  return `workers.answers.${asker}`;
}

/** A command sent to workers. It holds only names and numbers; nothing in it is executed. */
export const requestSchema = z.object({
  id: z.uuid(),
  asker: z.string().regex(/^[0-9a-f]{32}$/),
  command: z.string(),
  args: z.unknown(),
  /** Names of the workers that should answer; absent: all of them. */
  destination: z.array(z.string()).optional(),
  /** When the asker stops waiting: milliseconds since 1970, by the database's clock. */
  expiresAt: z.number(),
});
export type Request = z.output<typeof requestSchema>;

const answered = {
  id: z.uuid(),
  worker: z.string(),
  /** Tells workers of the same name apart. Workers of an older release leave it out. */
  process: z.string().optional(),
};
export const answerSchema = z.discriminatedUnion('ok', [
  z.object({ ...answered, ok: z.literal(true), data: z.unknown() }),
  z.object({ ...answered, ok: z.literal(false), error: z.string() }),
]);
export type Answer = z.output<typeof answerSchema>;
