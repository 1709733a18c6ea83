/** `file`: made by a handler. `upload`: a picture that a user has sent. */
export type FileKind = 'file' | 'upload';

/** A file without its bytes. They are in the spool until `storedAt`, then under `objectKey`. */
export interface StoredFile {
  id: string;
  ownerId: string;
  objectKey: string;
  contentType: string;
  bytes: number;
  sha256: Buffer;
  /** Pixels; null for files that are no pictures. */
  width: number | null;
  height: number | null;
  createdAt: Date;
  /** Null: it stays. */
  expiresAt: Date | null;
  storedAt: Date | null;
}

export interface NewFile {
  ownerId: string;
  bytes: Buffer;
  /** For example `text/csv`. */
  contentType: string;
  /** Last part of the object's key: our own words, never text of a user. */
  name: string;
  correlationId?: string | null;
}

export const fileColumns = `id, owner_id AS "ownerId", object_key AS "objectKey", content_type AS "contentType", bytes,
  sha256, width, height, created_at AS "createdAt", expires_at AS "expiresAt", stored_at AS "storedAt"`;
