/** Exit codes for scripts. `docs/cli.md` and `darkroom --help` list them. */
export const exitCodes = {
  ok: 0,
  /** The answer is no: a FAILURE, nobody answered, nothing to undo. */
  negative: 1,
  usage: 2,
  unreachable: 3,
  /** The same as of the program `timeout`. */
  timeout: 124,
  /** The same as a shell's after Ctrl-C. */
  interrupted: 130,
} as const;

export const exitCodesHelp = `
Exit codes:
  0    done
  1    the answer is no: a task failed, nobody answered, nothing was found
  2    wrong usage or settings
  3    the database or the queue cannot be reached
  124  not in time
  130  Ctrl-C`;

/** One sentence for the person at the terminal, and the code for scripts. */
export class CliError extends Error {
  override readonly name = 'CliError';

  constructor(
    message: string,
    readonly exitCode: number = exitCodes.negative,
  ) {
    super(message);
  }
}

export function usageError(message: string): CliError {
  return new CliError(message, exitCodes.usage);
}
