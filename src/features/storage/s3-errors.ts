import { S3ServiceException } from '@aws-sdk/client-s3';
import { isError } from '../../common/is-error.js';
import { StorageError } from './object-storage.js';

/** Answers that will stay the same until somebody changes the configuration. */
const refused = new Set([301, 307, 400, 401, 403, 404, 405]);

/** There is no such object. A bucket that does not exist is something else. */
export function isMissing(error: unknown): boolean {
  return nameOf(error) === 'NoSuchKey' || (statusOf(error) === 404 && nameOf(error) === 'NotFound');
}

/** The condition of a write was not met: the key is taken, or is being written by another request. */
export function isConflict(error: unknown): boolean {
  return [409, 412].includes(statusOf(error) ?? 0);
}

/** The store does not know conditional writes. */
export function isUnknownCondition(error: unknown): boolean {
  return statusOf(error) === 501 || nameOf(error) === 'NotImplemented';
}

/** Another attempt may succeed: at least when somebody has repaired the store. */
export function storageErrorOf(error: unknown): StorageError {
  const status = statusOf(error);
  const name = nameOf(error);
  const options = { cause: error };
  if (status === 507 || /Quota|StorageFull|TooManyBytes/.test(name)) {
    return new StorageError('storage_full', 'The object storage is full.', options);
  }
  // Such an answer to a damaged request says nothing about the next one.
  const damaged = name === 'BadDigest' || name === 'RequestTimeout';
  if (status !== undefined && refused.has(status) && !damaged) {
    return new StorageError(
      'storage_refused',
      `The object storage refuses the request: ${name}.`,
      options,
    );
  }
  return new StorageError(
    'storage_unavailable',
    'The object storage cannot be read or written.',
    options,
  );
}

function statusOf(error: unknown): number | undefined {
  return error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined;
}

/** The code of S3. It may come from anything that answers at that address, so only a plain word is taken. */
function nameOf(error: unknown): string {
  const name = isError(error) ? error.name : '';
  return /^[A-Za-z0-9]{1,60}$/.test(name) ? name : 'unknown';
}
