import type { Readable } from 'node:stream';

/**
 * Where finished pictures live. Keys are made by us (`images/<task>/<index>.png`), so a repeated
 * write of the same task replaces its own object and nothing else.
 *
 * Failure window: the object is written and the row that names it is not. Remedy: the key is
 * deterministic, so the next attempt writes the same object.
 */
export abstract class ObjectStorage {
  /**
   * Stores `bytes` whole or not at all.
   *
   * @throws StorageError when it cannot
   */
  abstract put(key: string, bytes: Buffer, contentType: string): Promise<void>;

  /** @returns null when there is no such object */
  abstract get(key: string): Promise<StoredObject | null>;

  abstract delete(key: string): Promise<void>;

  /** For people: `disk .darkroom/objects`. No credentials. */
  abstract describe(): string;
}

export interface StoredObject {
  stream: Readable;
  bytes: number;
}

/** The store did not do it; another attempt may succeed. The message is ours. */
export class StorageError extends Error {
  override readonly name = 'StorageError';

  constructor(
    readonly code: 'storage_full' | 'storage_unavailable',
    message: string,
    options: { cause: unknown },
  ) {
    super(message, options);
  }
}
