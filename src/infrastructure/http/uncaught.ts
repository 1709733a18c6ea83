import { Logger } from '@nestjs/common';
import { isError } from '../../common/is-error.js';

/** Logs an error that nobody has caught like any other, and ends the process: nobody knows what it has left undone. */
export function exitOnUncaught(): void {
  process.on('uncaughtException', (error: unknown) => {
    const shown = isError(error) ? error : new Error(String(error));
    new Logger('Process').error(`Nobody has caught this: ${shown.message}`, shown.stack);
    process.exit(1);
  });
}
