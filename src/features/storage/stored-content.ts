import { Logger } from '@nestjs/common';
import { NotFoundError, UnavailableError } from '../../common/app-error.js';
import type { ContentSource } from '../../infrastructure/http/send-content.js';
import { StorageError, type ObjectStorage, type StoredObject } from './object-storage.js';

const log = new Logger('Storage');

/** How long a link to an object can be used. */
const linkSeconds = 300;

/**
 * An object, or a link to it where browsers reach the storage.
 *
 * @param what the object is, for the message of the error
 * @throws UnavailableError; NotFoundError when there is no such object
 */
export async function storedContent(
  storage: ObjectStorage,
  key: string | null,
  what: string,
): Promise<ContentSource> {
  const link = key === null ? null : await available(storage.link(key, linkSeconds));
  return link === null ? storedObject(storage, key, what) : { link };
}

/** The object itself, not a link. */
export async function storedObject(
  storage: ObjectStorage,
  key: string | null,
  what: string,
): Promise<StoredObject> {
  const object = key === null ? null : await available(storage.get(key));
  if (object) return object;
  log.error(`The object of a picture or file is missing from storage: ${key ?? 'it has no key'}`);
  throw new NotFoundError(what);
}

async function available<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    throw new UnavailableError(error.message, error);
  }
}
