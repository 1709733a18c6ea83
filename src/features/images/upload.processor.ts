import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { completeWith } from '../../tasks/definitions/task-context.js';
import type { Payload } from '../../tasks/definitions/task-definition.js';
import { PermanentTaskError, RetryableTaskError } from '../../tasks/definitions/task-errors.js';
import { HandlesTask } from '../../tasks/definitions/task-handler.decorator.js';
import { ObjectStorage, StorageError } from '../storage/object-storage.js';
import type { GeneratedImageEntity } from './generated-image.entity.js';
import { ImageStore } from './image-store.js';
import { uploadToCloudTask } from './images.tasks.js';
import { makeThumbnail } from './thumbnail.js';

const extensions = { 'image/png': 'png', 'image/jpeg': 'jpg', 'image/webp': 'webp' } as const;

/** Writes the objects before the row, so that a row never names an object that does not exist. */
@Injectable()
export class UploadProcessor {
  constructor(
    private readonly images: ImageStore,
    private readonly storage: ObjectStorage,
  ) {}

  @HandlesTask(uploadToCloudTask)
  async upload({ image_id }: Payload<typeof uploadToCloudTask>) {
    const found = await this.images.findSpooled(image_id);
    if (!found) return null;
    const { image, spooled } = found;
    if (spooled === null) {
      return { object_key: image.objectKey ?? '', thumbnail_key: image.thumbnailKey ?? '' };
    }
    const keys = await this.put(image, spooled);
    return completeWith(async (tx) => {
      await this.images.markStored(tx, image.id, keys);
      return { object_key: keys.objectKey, thumbnail_key: keys.thumbnailKey };
    });
  }

  private async put(image: GeneratedImageEntity, bytes: Buffer) {
    if (!createHash('sha256').update(bytes).digest().equals(image.sha256)) {
      throw new PermanentTaskError('spool_corrupt', 'The picture in the spool is damaged.');
    }
    const base = `images/${image.taskId}/${image.index}`;
    const objectKey = `${base}.${extensions[image.contentType]}`;
    const thumbnailKey = `${base}.thumbnail.webp`;
    try {
      await this.storage.put(objectKey, bytes, image.contentType);
      await this.storage.put(thumbnailKey, await makeThumbnail(bytes), 'image/webp');
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      throw new RetryableTaskError(error.code, error.message, { cause: error });
    }
    return { objectKey, thumbnailKey };
  }
}
