import type { Settings } from '../../config/config.module.js';

/** One kind of row with a retention period. A feature exports a constant; `worker-features.ts` lists it. */
export interface OldRows {
  /** Name of this kind in the result of the task. */
  what: string;
  /** Days to keep them, 0 to keep them forever; undefined when the statement itself selects what has expired. */
  keptDays: ((settings: Settings) => number) | undefined;
  /** Deletes at most `$1` rows; `$2` is the number of days, if set; `parameters` follow. */
  sql: string;
  parameters?: unknown[];
}

/** Rows of a table with `expires_at`, once that is past. @param key its primary key */
export function expiredRows(table: string, key: string): OldRows {
  return {
    what: table,
    keptDays: undefined,
    sql: `
      DELETE FROM ${table} WHERE ${key} IN (
        SELECT ${key} FROM ${table} WHERE expires_at < now() LIMIT $1 FOR UPDATE SKIP LOCKED)
      RETURNING ${key}`,
  };
}
