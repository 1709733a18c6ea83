/** A name, cron, time zone, interval or option is invalid; the message says what is allowed. */
export class InvalidScheduleError extends Error {
  override readonly name = 'InvalidScheduleError';
}

/** No schedule has this name. */
export class UnknownScheduleError extends Error {
  override readonly name = 'UnknownScheduleError';

  constructor(readonly schedule: string) {
    super(`There is no schedule "${schedule}".`);
  }
}

/** The name is taken; nothing was changed. */
export class ScheduleExistsError extends Error {
  override readonly name = 'ScheduleExistsError';

  constructor(readonly schedule: string) {
    super(`There is a schedule "${schedule}" already. Remove it first, or take another name.`);
  }
}

/** A schedule that is declared in code cannot be removed: the next worker that starts would make it again. */
export class DeclaredScheduleError extends Error {
  override readonly name = 'DeclaredScheduleError';

  constructor(readonly schedule: string) {
    super(
      `Schedule "${schedule}" is declared in code and cannot be removed. Pause it, or take it out of the code.`,
    );
  }
}

/** This process has no task definition of this name, so nothing can be sent. */
export class UnknownTaskNameError extends Error {
  override readonly name = 'UnknownTaskNameError';

  constructor(
    readonly task: string,
    known: string[],
  ) {
    super(`No task is named "${task}". Known tasks: ${known.toSorted().join(', ') || 'none'}.`);
  }
}
