import type { Readable } from 'node:stream';

/**
 * Where pictures and files are stored. We choose the keys (`images/<task>/<index>.png`), so a repeated
 * write by the same task replaces only its own object.
 *
 * Failure window: the object is written but the row that names it is not. The key is
 * deterministic, so the next attempt writes the same object.
 */
export abstract class ObjectStorage {
  /**
   * Stores `bytes` whole or not at all. What the key had before is replaced.
   *
   * @param signal ends an exchange with a server that does not answer
   * @throws StorageError when it cannot
   */
  abstract put(
    key: string,
    bytes: Buffer,
    contentType: string,
    signal?: AbortSignal,
  ): Promise<void>;

  /** @returns null when there is no such object */
  abstract get(key: string): Promise<StoredObject | null>;

  /**
   * Does nothing when there is no such object.
   *
   * @throws StorageError when it cannot
   */
  abstract delete(key: string): Promise<void>;

  /**
   * The objects whose keys begin with `prefix`, a folder that ends in `/`. What is written or deleted meanwhile may be
   * missing.
   *
   * @throws StorageError when it cannot go on
   */
  abstract list(prefix: string): AsyncIterable<ListedObject>;

  /**
   * A link by which a browser can fetch the object itself, for that many seconds.
   *
   * @returns null: browsers cannot reach this storage
   */
  abstract link(key: string, seconds: number): Promise<string | null>;

  /** For display: `disk .darkroom/objects`. Without credentials. */
  abstract describe(): string;
}

export interface StoredObject {
  stream: Readable;
  bytes: number;
}

export interface ListedObject {
  key: string;
  bytes: number;
  writtenAt: Date;
}

/** The store failed; another attempt may succeed. The message is written by us. */
export class StorageError extends Error {
  override readonly name = 'StorageError';

  constructor(
    readonly code: 'storage_full' | 'storage_unavailable' | 'storage_refused',
    message: string,
    options: { cause: unknown },
  ) {
    super(message, options);
  }
}
