import type { Settings } from '../../config/config.module.js';

/** One kind of rows that are deleted some day. A feature exports a constant; `features.ts` lists it. */
export interface OldRows {
  /** Its name in the result of the task. */
  what: string;
  /** Days they are kept, 0: for ever; undefined: the statement itself knows what is over. */
  keptDays: ((settings: Settings) => number) | undefined;
  /** Deletes at most `$1` rows; `$2`: the days, if there are any; then `parameters`. */
  sql: string;
  parameters?: unknown[];
}
