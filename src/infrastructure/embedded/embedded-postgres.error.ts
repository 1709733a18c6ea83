import { isError } from '../../common/is-error.js';

export type EmbeddedPostgresErrorCode =
  | 'platform_not_supported'
  | 'binaries_missing'
  | 'binaries_broken'
  | 'cannot_run_as_root'
  | 'data_folder_not_a_folder'
  | 'data_folder_unwritable'
  | 'data_folder_unusable'
  | 'data_folder_owner_mismatch'
  | 'data_folder_in_use'
  | 'data_folder_damaged'
  | 'version_mismatch'
  | 'disk_full'
  | 'port_unavailable'
  | 'init_failed'
  | 'start_failed'
  | 'start_timeout';

/** `message` is one sentence for the person at the terminal, without secrets. */
export class EmbeddedPostgresError extends Error {
  constructor(
    readonly code: EmbeddedPostgresErrorCode,
    message: string,
    cause?: unknown,
  ) {
    super(message, { cause });
    this.name = new.target.name;
  }
}

export class DataFolderInUse extends EmbeddedPostgresError {
  constructor(
    folder: string,
    readonly pid: number,
    program = 'Darkroom',
  ) {
    super(
      'data_folder_in_use',
      `The data folder ${folder} is in use by another ${program} (process ${pid}): stop it first, or set DARKROOM_DATA_DIR to another folder.`,
    );
  }
}

export function diskFull(folder: string, cause?: unknown): EmbeddedPostgresError {
  return new EmbeddedPostgresError(
    'disk_full',
    `The disk that holds ${folder} is full: free some space and start again.`,
    cause,
  );
}

export function unwritable(folder: string, cause?: unknown): EmbeddedPostgresError {
  return new EmbeddedPostgresError(
    'data_folder_unwritable',
    `Darkroom may not read and write in the data folder ${folder}: fix its permissions, or set DARKROOM_DATA_DIR to another folder.`,
    cause,
  );
}

/** A failed file operation in the data folder, as a sentence. Anything else comes back unchanged. */
export function asFolderError(error: unknown, folder: string): unknown {
  if (error instanceof EmbeddedPostgresError || !isError(error)) return error;
  const code = (error as NodeJS.ErrnoException).code;
  if ((error as NodeJS.ErrnoException).syscall === undefined) return error;
  if (code === 'ENOSPC' || code === 'EDQUOT') return diskFull(folder, error);
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') return unwritable(folder, error);
  if (code === 'ENOTDIR' || code === 'EEXIST') {
    return new EmbeddedPostgresError(
      'data_folder_not_a_folder',
      `The data folder ${folder} cannot be made, as a file is in its place: move the file away, or set DARKROOM_DATA_DIR to another folder.`,
      error,
    );
  }
  return new EmbeddedPostgresError(
    'data_folder_unusable',
    `The data folder ${folder} cannot be used (${code ?? error.message}).`,
    error,
  );
}
