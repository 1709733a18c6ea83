import { z } from 'zod';

const pattern =
  /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z)_([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$/;

/** Cursor of a list that is ordered by a time, in milliseconds, and then by id. */
export const timeCursor = z
  .string()
  .regex(pattern)
  .refine((text) => !Number.isNaN(placeOf(text).at?.getTime()), 'is not a time');

/** Where a page begins: behind this. Both are null for the first page. */
export interface Place {
  at: Date | null;
  id: string | null;
}

export function timeCursorOf(at: Date, id: string): string {
  return `${at.toISOString()}_${id}`;
}

/** @param cursor one that `timeCursor` has checked */
export function placeOf(cursor: string | undefined): Place {
  const [, at, id] = pattern.exec(cursor ?? '') ?? [];
  return at === undefined || id === undefined ? { at: null, id: null } : { at: new Date(at), id };
}
