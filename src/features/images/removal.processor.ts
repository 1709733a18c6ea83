import { Injectable } from '@nestjs/common';
import type { TaskContext } from '../../tasks/definitions/task-context.js';
import type { Payload } from '../../tasks/definitions/task-definition.js';
import { RetryableTaskError } from '../../tasks/definitions/task-errors.js';
import { HandlesTask } from '../../tasks/definitions/task-handler.decorator.js';
import { ObjectStorage, StorageError } from '../storage/object-storage.js';
import { deleteObjectsTask, deleteOldPicturesTask } from './images.tasks.js';
import { OldPictures } from './old-pictures.js';

@Injectable()
export class RemovalProcessor {
  constructor(
    private readonly storage: ObjectStorage,
    private readonly oldPictures: OldPictures,
  ) {}

  /** An object that is gone already is none to an attempt that follows. */
  @HandlesTask(deleteObjectsTask)
  async deleteObjects({ keys }: Payload<typeof deleteObjectsTask>, { signal }: TaskContext) {
    try {
      for (const key of keys) {
        signal.throwIfAborted();
        await this.storage.delete(key);
      }
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      throw new RetryableTaskError(error.code, error.message, { cause: error });
    }
    return { deleted: keys.length };
  }

  @HandlesTask(deleteOldPicturesTask)
  async deleteOld(_payload: null, { signal }: TaskContext) {
    return { deleted: await this.oldPictures.delete(signal) };
  }
}
