import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import {
  query,
  retried,
  rows,
  type Transaction,
} from '../../infrastructure/database/transaction.js';
import { TaskClient } from '../../tasks/sending/task-client.js';
import { uploadToCloudTask } from '../storage/storage.tasks.js';
import { fileColumns, type FileKind, type NewFile, type StoredFile } from './stored-file.js';

/** The spool is a table: larger files would need much memory to write and to read. */
export const maxFileBytes = 64 * 2 ** 20;

const safeName = /^[a-z0-9][a-z0-9._-]{0,99}$/;
const mediaType = /^[a-z]+\/[a-z0-9.+-]{1,100}$/;

/** A picture of a user, checked and cleaned. */
export interface NewUpload extends Omit<NewFile, 'name'> {
  width: number;
  height: number;
  extension: string;
  /** 0: it stays. */
  keptDays: number;
}

/** Files in the object storage, by way of the spool. */
@Injectable()
export class StoredFiles {
  constructor(
    private readonly database: DataSource,
    private readonly tasks: TaskClient,
  ) {}

  /**
   * Writes the file into the spool and sends its upload, all in the caller's transaction. In a handler call it inside
   * of `completeWith`: then the file exists if and only if the task is SUCCESS.
   *
   * @throws RangeError for a name, a type or a size that no file of ours has
   */
  async add(tx: Transaction, file: NewFile): Promise<StoredFile> {
    if (!safeName.test(file.name)) throw new RangeError('a file name is small letters and digits');
    if (!mediaType.test(file.contentType)) throw new RangeError('a content type is type/subtype');
    if (file.bytes.length > maxFileBytes) throw new RangeError('a file has 64 MB at most');
    const id = uuidv7();
    const key = `files/${id}/${file.name}`;
    const [row] = await rows<StoredFile>(
      tx,
      `INSERT INTO stored_files (id, kind, owner_id, object_key, content_type, bytes, sha256)
       VALUES ($1, 'file', $2, $3, $4, $5, $6) RETURNING ${fileColumns}`,
      [id, file.ownerId, key, file.contentType, file.bytes.length, digest(file.bytes)],
    );
    await this.spool(tx, row!, file);
    return row!;
  }

  /**
   * The same for an upload. A user who sends the same picture again gets the one that is there, kept for longer.
   *
   * @returns `isNew`: it was not there
   */
  async addUpload(tx: Transaction, upload: NewUpload): Promise<StoredFile & { isNew: boolean }> {
    const { ownerId, bytes, contentType, width, height, extension, keptDays } = upload;
    const id = uuidv7();
    const key = `uploads/${id}/picture.${extension}`;
    const [row] = await rows<StoredFile>(
      tx,
      `INSERT INTO stored_files (id, kind, owner_id, object_key, content_type, bytes, sha256, width, height, expires_at)
       VALUES ($1, 'upload', $2, $3, $4, $5, $6, $7, $8, now() + nullif($9::int, 0) * interval '1 day')
       ON CONFLICT (owner_id, sha256) WHERE kind = 'upload' DO UPDATE SET expires_at = excluded.expires_at
       RETURNING ${fileColumns}`,
      [id, ownerId, key, contentType, bytes.length, digest(bytes), width, height, keptDays],
    );
    const isNew = row!.id === id;
    if (isNew) await this.spool(tx, row!, upload);
    return { ...row!, isNew };
  }

  /** What a user's uploads need, without the one that has these bytes. */
  async usage(
    tx: Transaction,
    ownerId: string,
    except: Buffer,
  ): Promise<{ files: number; bytes: number }> {
    const [used] = await rows<{ files: number; bytes: string }>(
      tx,
      `SELECT count(*)::int AS files, coalesce(sum(bytes), 0) AS bytes FROM stored_files
        WHERE kind = 'upload' AND owner_id = $1 AND sha256 <> $2
          AND (expires_at IS NULL OR expires_at > now())`,
      [ownerId, digest(except)],
    );
    return { files: used!.files, bytes: Number(used!.bytes) };
  }

  /** Only the row; undefined when there is none, or it has expired. */
  async find(kind: FileKind, id: string): Promise<StoredFile | undefined> {
    const [row] = await query<StoredFile>(
      this.database,
      `SELECT ${fileColumns} FROM stored_files
        WHERE kind = $1 AND id = $2 AND (expires_at IS NULL OR expires_at > now())`,
      [kind, id],
    );
    return row;
  }

  /** One page of a user's files, the newest first. @param before id of the last one of the page before */
  async list(
    kind: FileKind,
    ownerId: string,
    { limit, before }: { limit: number; before?: string | undefined },
  ): Promise<StoredFile[]> {
    return query<StoredFile>(
      this.database,
      `SELECT ${fileColumns} FROM stored_files
        WHERE kind = $1 AND owner_id = $2 AND (expires_at IS NULL OR expires_at > now())
          AND ($3::uuid IS NULL OR id < $3) ORDER BY id DESC LIMIT $4`,
      [kind, ownerId, before ?? null, limit],
    );
  }

  /** Reads one snapshot: a file on its way to storage is found either in the spool or in storage. */
  async findSpooled(id: string): Promise<{ file: StoredFile; spooled: Buffer | null } | null> {
    const read = async (tx: Transaction) => {
      const [file] = await rows<StoredFile>(
        tx,
        `SELECT ${fileColumns} FROM stored_files WHERE id = $1`,
        [id],
      );
      if (!file) return null;
      const [spool] = await rows<{ data: Buffer }>(
        tx,
        'SELECT data FROM image_spool WHERE file_id = $1',
        [id],
      );
      return { file, spooled: spool?.data ?? null };
    };
    return retried(() => this.database.transaction('REPEATABLE READ', read));
  }

  /** To be called when the object is stored: deletes the bytes from the spool. */
  async markStored(tx: Transaction, id: string): Promise<void> {
    await tx.query('UPDATE stored_files SET stored_at = now() WHERE id = $1', [id]);
    await tx.query('DELETE FROM image_spool WHERE file_id = $1', [id]);
  }

  /**
   * Deletes the row and what the spool has; the object is for the caller to delete.
   *
   * Failure window: the process dies in between, or an upload task is just storing the object. Remedy: the nightly
   * collection deletes objects without a row.
   */
  async remove(id: string): Promise<void> {
    await query(this.database, 'DELETE FROM stored_files WHERE id = $1', [id]);
  }

  private async spool(tx: Transaction, { id, ownerId }: StoredFile, file: NewFile | NewUpload) {
    await tx.query('INSERT INTO image_spool (file_id, data) VALUES ($1, $2)', [id, file.bytes]);
    const { correlationId } = file;
    await this.tasks.send(
      tx,
      uploadToCloudTask,
      { file_id: id },
      { ownerId, ...(typeof correlationId === 'string' && { correlationId }) },
    );
  }
}

function digest(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest();
}
