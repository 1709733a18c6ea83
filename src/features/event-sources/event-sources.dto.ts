import { z } from 'zod';
import { isStorable } from '../../common/storable-text.js';
import { newEvent } from '../events/events.dto.js';
import type { EventSource } from './event-source-rows.js';

const text = (max: number) =>
  z.string().trim().min(1).max(max).refine(isStorable, 'contains a NUL or a broken character');

export const newSource = z
  .strictObject({
    name: text(100),
    types: z
      .array(text(100))
      .max(50)
      .default([])
      .describe('Types of events that it may send; none: all.'),
  })
  .meta({ example: { name: 'shop', types: ['generation_feedback'] } });
export type NewSource = z.output<typeof newSource>;

const moment = z.iso.datetime().nullable();
const fields = {
  source_id: z.uuid(),
  name: z.string(),
  types: z.array(z.string()),
  url: z.string().describe('Path that the service posts to.'),
  created_at: z.iso.datetime(),
  last_used_at: moment.describe('To the minute.'),
};

export const source = z.strictObject(fields);
export const madeSource = z.strictObject({
  ...fields,
  secret: z.string().describe('Signs its events, as Standard Webhooks say.'),
});
export type MadeSource = z.output<typeof madeSource>;
export const sourceList = z.strictObject({ sources: z.array(source) });
export type SourceList = z.output<typeof sourceList>;
export const rotatedSource = z.strictObject({
  secret: z.string(),
  previous_until: z.iso.datetime(),
});
export type RotatedSource = z.output<typeof rotatedSource>;

/** As Standard Webhooks have it. The id of the event is the header `webhook-id`. */
export const signedEvent = z.strictObject({
  type: newEvent.shape.type,
  timestamp: z.iso.datetime({ offset: true }).optional(),
  data: newEvent.shape.data,
});

export function sourceOf({ id, name, types, createdAt, lastUsedAt }: EventSource) {
  return {
    source_id: id,
    name,
    types,
    url: `/api/v1/event-sources/${id}/events`,
    created_at: createdAt.toISOString(),
    last_used_at: lastUsedAt?.toISOString() ?? null,
  };
}
