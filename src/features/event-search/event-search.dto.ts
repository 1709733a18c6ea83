import { z } from 'zod';
import { isStorable } from '../../common/storable-text.js';
import { numberInQuery } from '../../infrastructure/http/number-in-query.js';
import { timeCursor, timeCursorOf } from '../../infrastructure/http/time-cursor.js';
import type { FoundPage } from './found-event.js';

const maxPage = 100;

const text = (max: number) =>
  z.string().min(1).max(max).refine(isStorable, 'contains a NUL or a broken character');

export const searchQuery = z.strictObject({
  q: text(200)
    .describe(
      'Words of the data, or of what its pipeline has found out. `"…"`: next to each other, `or`: one of them, `-`: without.',
    )
    .meta({ example: 'lighthouse' }),
  type: text(100).optional(),
  limit: numberInQuery(z.int().min(1).max(maxPage).default(20)).describe(
    `Most events in one answer; at most ${maxPage}.`,
  ),
  cursor: timeCursor.optional().describe('`next_cursor` of the answer before.'),
});
export type SearchQuery = z.output<typeof searchQuery>;

export const eventsFound = z.strictObject({
  events: z
    .array(
      z.strictObject({
        event_id: z.uuid(),
        type: z.string(),
        status: z.enum(['ACCEPTED', 'PROCESSED', 'FAILED', 'REVOKED']),
        created_at: z.iso.datetime(),
        excerpt: z.string().describe('What was found stands between `**`.'),
        score: z.number().describe('Higher is better. Each backend has its own scale.'),
      }),
    )
    .describe('The newest first.'),
  next_cursor: z.string().nullable().describe('null: there are no more.'),
  backend: z
    .enum(['elasticsearch', 'postgres'])
    .describe('What has searched: Postgres when Elasticsearch is not set, or is away.'),
});
export type EventsFound = z.output<typeof eventsFound>;

export function eventsFoundOf(
  { events, next }: FoundPage,
  backend: EventsFound['backend'],
): EventsFound {
  return {
    events: events.map(({ id, type, status, createdAt, excerpt, score }) => ({
      event_id: id,
      type,
      status,
      created_at: createdAt.toISOString(),
      excerpt,
      score,
    })),
    next_cursor: next && timeCursorOf(next.at, next.id),
    backend,
  };
}
