import { AppError, UnavailableError } from '../../common/app-error.js';

/**
 * Uploads at once in this process. Each needs three times UPLOAD_MAX_BYTES: what came, the new file, and its way to the
 * database. One at a time is decoded, in four bytes for each of 40 million pixels.
 */
export const mostAtOnce = 4;
/** So that one user with a slow connection does not take all places. */
const mostOfUser = 2;

class TooManyAtOnceError extends AppError {
  constructor() {
    super(429, 'too_many_requests', `You may send ${mostOfUser} pictures at the same time.`, {
      retryAfterSeconds: 1,
    });
  }
}

/** Bounds the memory that uploads need. */
export class UploadPlaces {
  private readonly taken: string[] = [];
  private last: Promise<unknown> = Promise.resolve();

  /**
   * Does the work of an upload, from the first byte of its body to the commit.
   *
   * @throws AppError 429 or 503 at once when there is no place
   */
  async inPlace<T>(userId: string, work: () => Promise<T>): Promise<T> {
    if (this.taken.filter((id) => id === userId).length >= mostOfUser) {
      throw new TooManyAtOnceError();
    }
    if (this.taken.length >= mostAtOnce) {
      throw new UnavailableError('Too many pictures are being uploaded just now.');
    }
    this.taken.push(userId);
    try {
      return await work();
    } finally {
      this.taken.splice(this.taken.indexOf(userId), 1);
    }
  }

  /** One after the other: a decoder uses all cores, and the threads that the whole process shares. */
  async inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.last.then(work);
    this.last = turn.catch(() => {});
    return turn;
  }
}
