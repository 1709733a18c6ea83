import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Tracing } from '../../infrastructure/tracing/tracing.js';
import { completeWith, type TaskContext } from '../../tasks/definitions/task-context.js';
import type { Payload } from '../../tasks/definitions/task-definition.js';
import { PermanentTaskError } from '../../tasks/definitions/task-errors.js';
import { HandlesTask } from '../../tasks/definitions/task-handler.decorator.js';
import { PatientStorage } from '../storage/patient-storage.js';
import { uploadToCloudTask } from '../storage/storage.tasks.js';
import { StoredFiles } from '../stored-files/stored-files.js';
import { ImageStore } from './image-store.js';
import { makeThumbnail } from './thumbnail.js';

const extensions = { 'image/png': 'png', 'image/jpeg': 'jpg', 'image/webp': 'webp' } as const;

/** Writes the objects before the row, so that a row never names an object that does not exist. */
@Injectable()
export class UploadProcessor {
  constructor(
    private readonly images: ImageStore,
    private readonly files: StoredFiles,
    private readonly storage: PatientStorage,
    private readonly tracing: Tracing,
  ) {}

  @HandlesTask(uploadToCloudTask)
  async upload(payload: Payload<typeof uploadToCloudTask>, context: TaskContext) {
    this.storage.refuseWhileAway(context);
    return 'image_id' in payload
      ? this.image(payload.image_id, context)
      : this.file(payload.file_id, context);
  }

  private async image(id: string, context: TaskContext) {
    const found = await this.images.findSpooled(id);
    if (!found) return null;
    const { image, spooled } = found;
    if (spooled === null) {
      return { object_key: image.objectKey ?? '', thumbnail_key: image.thumbnailKey ?? '' };
    }
    refuseDamaged(spooled, image.sha256);
    const base = `images/${image.taskId}/${image.index}`;
    const objectKey = `${base}.${extensions[image.contentType]}`;
    const thumbnailKey = `${base}.thumbnail.webp`;
    await this.put(objectKey, spooled, image.contentType, context);
    const thumbnail = await makeThumbnail(spooled);
    await this.put(thumbnailKey, thumbnail, 'image/webp', context);
    return completeWith(async (tx) => {
      await this.images.markStored(tx, id, { objectKey, thumbnailKey });
      return { object_key: objectKey, thumbnail_key: thumbnailKey };
    });
  }

  private put(key: string, bytes: Buffer, type: string, context: TaskContext): Promise<void> {
    return this.tracing.during(context, 'put object', { 'darkroom.bytes': bytes.length }, () =>
      this.storage.put(key, bytes, type, context),
    );
  }

  private async file(id: string, context: TaskContext) {
    const found = await this.files.findSpooled(id);
    if (!found) return null;
    const { file, spooled } = found;
    if (spooled === null) return { object_key: file.objectKey };
    refuseDamaged(spooled, file.sha256);
    await this.put(file.objectKey, spooled, file.contentType, context);
    return completeWith(async (tx) => {
      await this.files.markStored(tx, id);
      return { object_key: file.objectKey };
    });
  }
}

/** @throws PermanentTaskError */
function refuseDamaged(bytes: Buffer, sha256: Buffer): void {
  if (createHash('sha256').update(bytes).digest().equals(sha256)) return;
  throw new PermanentTaskError('spool_corrupt', 'What is in the spool is damaged.');
}
