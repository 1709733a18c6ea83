import type { Readable } from 'node:stream';

/**
 * Where finished pictures are stored. We choose the keys (`images/<task>/<index>.png`), so a repeated
 * write by the same task replaces only its own object.
 *
 * Failure window: the object is written but the row that names it is not. The key is
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

  /** For display: `disk .darkroom/objects`. Without credentials. */
  abstract describe(): string;
}

export interface StoredObject {
  stream: Readable;
  bytes: number;
}

/** The store failed; another attempt may succeed. The message is written by us. */
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
