import { messageOf } from '../common/message-of.js';
import { CliError, exitCodes } from './exit.js';

/** Classes are recognised by name: importing them would load the database code only to say that it is away. */
const codeOfName: Record<string, number> = {
  EnvironmentError: exitCodes.usage,
  InvalidPayloadError: exitCodes.usage,
  OwnerMissingError: exitCodes.usage,
  UnknownQueueError: exitCodes.usage,
  RangeError: exitCodes.usage,
  InvalidScheduleError: exitCodes.usage,
  UnknownTaskNameError: exitCodes.usage,
  InvalidLimitError: exitCodes.usage,
  TaskTimeoutError: exitCodes.timeout,
  UnavailableError: exitCodes.unreachable,
  MaxRetriesPerRequestError: exitCodes.unreachable,
};
const networkCode = /^E(CONNREFUSED|CONNRESET|PIPE|TIMEDOUT|NOTFOUND|HOSTUNREACH|AI_AGAIN)$/;
/** Classes of Postgres: connection, authorization, no such database, resources, shutdown. */
const databaseAway = /^(08|28|3D|53|57P)/;
/** No such table or column. */
const schemaBehind = /^42(P01|703)$/;

/** The sentence for the person at the terminal, and the exit code. Never a stack trace. */
export function failureOf(error: unknown): { sentence: string; exitCode: number } {
  if (error instanceof CliError) return { sentence: error.message, exitCode: error.exitCode };
  const { code, name } = error as { code?: unknown; name?: unknown };
  if (typeof code === 'string' && schemaBehind.test(code)) {
    return {
      sentence:
        'The database does not have the tables of this version: run `darkroom migrate` first.',
      exitCode: exitCodes.unreachable,
    };
  }
  const fileTrouble = fileTroubleOf(error as NodeJS.ErrnoException);
  if (fileTrouble !== undefined) return { sentence: fileTrouble, exitCode: exitCodes.usage };
  const known = codeOfName[String(name)];
  const away = typeof code === 'string' && (networkCode.test(code) || databaseAway.test(code));
  const exitCode = known ?? (away ? exitCodes.unreachable : exitCodes.negative);
  return { sentence: messageOf(error), exitCode };
}

function fileTroubleOf({ code, path }: NodeJS.ErrnoException): string | undefined {
  if (code === 'EISDIR') return 'That is a folder: name a file.';
  if (path === undefined) return undefined;
  if (code === 'ENOENT') return `There is no file ${path}.`;
  return code === 'EACCES' ? `This user may not read ${path}.` : undefined;
}
