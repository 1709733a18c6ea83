import { isError } from './is-error.js';

/** The message of anything that was thrown, for a log line. */
export function messageOf(error: unknown): string {
  if (!isError(error)) return String(error);
  // A refused connection to several addresses has a code and no message.
  return error.message || (error as NodeJS.ErrnoException).code || error.name;
}
