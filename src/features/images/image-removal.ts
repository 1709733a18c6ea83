import { Injectable } from '@nestjs/common';
import { rows, type Transaction } from '../../infrastructure/database/transaction.js';
import { TaskClient } from '../../tasks/sending/task-client.js';
import { UploadedPictures } from './uploaded-pictures.js';
import { deleteObjectsTask, removalBatch } from './images.tasks.js';

/** The one way by which pictures and files go: at their owner's wish, by their age, and with an account. */
@Injectable()
export class ImageRemoval {
  constructor(
    private readonly tasks: TaskClient,
    private readonly uploaded: UploadedPictures,
  ) {}

  /**
   * Deletes the rows and the bytes in the spool, and sends a task that deletes the objects: from the commit on nobody
   * can read the pictures.
   *
   * Failure window: an upload is storing a picture at that moment, and its objects have no row any more. Remedy: the
   * nightly collection deletes them, once they are a day old.
   *
   * @param ids at most `removalBatch`
   * @returns how many there were
   */
  async remove(tx: Transaction, ids: string[], correlationId?: string): Promise<number> {
    const removed = await rows<{ keys: (string | null)[]; taskId: string }>(
      tx,
      `DELETE FROM generated_images WHERE id = ANY($1)
       RETURNING ARRAY[object_key, thumbnail_key] AS keys, task_id AS "taskId"`,
      [ids],
    );
    const keys = removed.flatMap((image) => image.keys).filter((key) => key !== null);
    if (keys.length > 0) {
      // It belongs to nobody: the tasks of a deleted account are deleted too.
      const sending = correlationId === undefined ? {} : { correlationId };
      await this.tasks.send(tx, deleteObjectsTask, { keys }, sending);
    }
    await this.uploaded.note(
      tx,
      removed.map(({ taskId }) => taskId),
    );
    return removed.length;
  }

  /** The same for some of a user's uploads and files of handlers. */
  async removeFiles(tx: Transaction, ownerId: string): Promise<number> {
    const removed = await rows<{ key: string }>(
      tx,
      `DELETE FROM stored_files WHERE id IN (
         SELECT id FROM stored_files WHERE owner_id = $1 LIMIT ${removalBatch})
       RETURNING object_key AS key`,
      [ownerId],
    );
    const keys = removed.map(({ key }) => key);
    if (keys.length > 0) await this.tasks.send(tx, deleteObjectsTask, { keys });
    return removed.length;
  }
}
