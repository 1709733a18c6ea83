import type { z } from 'zod';

/** A kind of event: its name, and the schema of its data. */
export interface EventType<S extends z.ZodType = z.ZodType> {
  /** Stored with each event, so it never changes: `photo_request`. */
  readonly type: string;
  /** One sentence for users. */
  readonly description: string;
  /** Checked before an event is stored. JSON. */
  readonly data: S;
  /** Who sends it: anybody who may use the API, or Darkroom alone. */
  readonly from: 'anyone' | 'darkroom';
}

export type EventData<T extends EventType> = z.output<T['data']>;

/** @throws Error when the name is no plain word: at import, so when the process starts */
export function defineEvent<S extends z.ZodType>(
  event: Omit<EventType<S>, 'from'> & { from?: EventType['from'] },
): EventType<S> {
  if (!/^[a-z][a-z0-9_.]{0,99}$/.test(event.type)) {
    throw new Error(
      `"${event.type}" is no name for an event: use small letters, digits, _ and dots.`,
    );
  }
  return { from: 'anyone', ...event };
}
