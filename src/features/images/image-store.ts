import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Any, DataSource } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { retried, rows, type Transaction } from '../../infrastructure/database/transaction.js';
import { TaskClient } from '../../tasks/sending/task-client.js';
import { uploadToCloudTask } from '../storage/storage.tasks.js';
import { UploadedPictures } from './uploaded-pictures.js';
import { GeneratedImageEntity, type ImageContentType } from './generated-image.entity.js';

export interface NewImage {
  bytes: Buffer;
  contentType: ImageContentType;
  width: number;
  height: number;
  seed: number;
}

/** Whose the pictures of a task are, and what they show. */
export interface ImageOrigin {
  taskId: string;
  ownerId: string;
  correlationId: string | null;
  prompt: string;
  negativePrompt: string;
  /** Checkpoint that made them; null: the engine did not say. */
  model: string | null;
  characterName: string | null;
  chatId: string | null;
}

/** A picture's row, and its bytes while they are in the spool. */
export interface SpooledImage {
  image: GeneratedImageEntity;
  spooled: Buffer | null;
}

/** Pictures and their spool. */
@Injectable()
export class ImageStore {
  constructor(
    private readonly database: DataSource,
    private readonly tasks: TaskClient,
    private readonly uploaded: UploadedPictures,
  ) {}

  /**
   * Writes the pictures of one task into the spool and sends their uploads, all in the caller's
   * transaction: they exist if and only if their task is SUCCESS.
   */
  async add(
    tx: Transaction,
    { correlationId, ...origin }: ImageOrigin,
    images: NewImage[],
  ): Promise<GeneratedImageEntity[]> {
    const added: GeneratedImageEntity[] = [];
    for (const [index, image] of images.entries()) {
      const row = tx.create(GeneratedImageEntity, {
        id: uuidv7(),
        taskId: origin.taskId,
        ownerId: origin.ownerId,
        prompt: origin.prompt,
        negativePrompt: origin.negativePrompt,
        model: origin.model,
        characterName: origin.characterName,
        chatId: origin.chatId,
        index,
        width: image.width,
        height: image.height,
        contentType: image.contentType,
        bytes: image.bytes.length,
        sha256: createHash('sha256').update(image.bytes).digest(),
        seed: String(image.seed),
      });
      await tx.insert(GeneratedImageEntity, row);
      await tx.query('INSERT INTO image_spool (image_id, data) VALUES ($1, $2)', [
        row.id,
        image.bytes,
      ]);
      await this.tasks.send(
        tx,
        uploadToCloudTask,
        { image_id: row.id },
        {
          ownerId: origin.ownerId,
          ...(correlationId !== null && { correlationId }),
        },
      );
      added.push(row);
    }
    return added;
  }

  /** Only the row, without the bytes. */
  async find(id: string): Promise<GeneratedImageEntity | null> {
    return retried(() => this.database.manager.findOneBy(GeneratedImageEntity, { id }));
  }

  /** Those of the user among these ids, in any order. */
  async findOwn(ownerId: string, ids: string[]): Promise<GeneratedImageEntity[]> {
    if (ids.length === 0) return [];
    return retried(() =>
      this.database.manager.findBy(GeneratedImageEntity, { ownerId, id: Any(ids) }),
    );
  }

  /** Reads one snapshot: a picture on its way to storage is found either in the spool or in storage. */
  async findSpooled(id: string): Promise<SpooledImage | null> {
    const read = async (tx: Transaction): Promise<SpooledImage | null> => {
      const image = await tx.findOneBy(GeneratedImageEntity, { id });
      if (!image) return null;
      const [spool] = await rows<{ data: Buffer }>(
        tx,
        'SELECT data FROM image_spool WHERE image_id = $1',
        [id],
      );
      return { image, spooled: spool?.data ?? null };
    };
    return retried(() => this.database.transaction('REPEATABLE READ', read));
  }

  /** To be called when the objects are stored: records their keys and deletes the bytes from the spool. */
  async markStored(
    tx: Transaction,
    id: string,
    keys: { objectKey: string; thumbnailKey: string },
  ): Promise<void> {
    const stored = await rows<{ taskId: string }>(
      tx,
      `UPDATE generated_images SET object_key = $2, thumbnail_key = $3, stored_at = now()
        WHERE id = $1 RETURNING task_id AS "taskId"`,
      [id, keys.objectKey, keys.thumbnailKey],
    );
    await tx.query('DELETE FROM image_spool WHERE image_id = $1', [id]);
    await this.uploaded.note(
      tx,
      stored.map(({ taskId }) => taskId),
    );
  }
}
