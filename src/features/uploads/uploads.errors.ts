import { AppError } from '../../common/app-error.js';

/** What is wrong with the picture, in a few words. */
export class InvalidPictureError extends AppError {
  constructor(what: string, cause?: unknown) {
    super(422, 'invalid_picture', `The picture ${what}.`, { cause });
  }
}

export class TooManyUploadsError extends AppError {
  constructor(what: string) {
    super(
      409,
      'too_many_uploads',
      `You may have ${what} of uploads. Delete some, or wait until they expire.`,
    );
  }
}

/** The storage is away and the database holds as much for it as it may. */
export class StorageFullError extends AppError {
  constructor() {
    super(503, 'storage_full', 'No more pictures can be stored just now.', {
      retryAfterSeconds: 60,
    });
  }
}
