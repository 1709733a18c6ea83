import { Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { inTransaction, rows } from '../../infrastructure/database/transaction.js';
import { TaskClient } from '../../tasks/sending/task-client.js';
import { uploadToCloudTask } from '../storage/storage.tasks.js';

/** Rows of one transaction. */
const batchSize = 500;

interface Waiting {
  imageId: string | null;
  fileId: string | null;
  ownerId: string;
}

/**
 * Sends the uploads of what is in the spool and has no task any more: it was revoked, or removed with its queue. Two
 * at once for the same picture would do no harm.
 */
@Injectable()
export class LostUploads {
  private readonly log = new Logger('Storage');

  constructor(
    private readonly database: DataSource,
    private readonly tasks: TaskClient,
  ) {}

  /** @returns how many were sent */
  async resend(signal: AbortSignal): Promise<number> {
    let total = 0;
    for (let found = batchSize; found === batchSize; total += found) {
      signal.throwIfAborted();
      found = await this.resendSome();
    }
    if (total > 0) this.log.warn(`${total} uploads had no task any more and are sent again`);
    return total;
  }

  private async resendSome(): Promise<number> {
    return inTransaction(this.database, async (tx) => {
      const waiting = await rows<Waiting>(
        tx,
        `WITH sent AS MATERIALIZED (
           SELECT coalesce(payload->>'image_id', payload->>'file_id')::uuid AS id FROM tasks
            WHERE name = $1 AND finished_at IS NULL)
         SELECT image_id AS "imageId", file_id AS "fileId",
                coalesce(image.owner_id, file.owner_id) AS "ownerId"
           FROM image_spool spool
           LEFT JOIN generated_images image ON image.id = image_id
           LEFT JOIN stored_files file ON file.id = file_id
          WHERE spooled_at < now() - interval '1 hour'
            AND NOT EXISTS (SELECT FROM sent WHERE sent.id = coalesce(image_id, file_id))
          ORDER BY spooled_at LIMIT $2`,
        [uploadToCloudTask.name, batchSize],
      );
      const sends = waiting.map(({ imageId, fileId, ownerId }) => ({
        payload: imageId === null ? { file_id: fileId! } : { image_id: imageId },
        options: { ownerId },
      }));
      await this.tasks.sendMany(tx, uploadToCloudTask, sends);
      return waiting.length;
    });
  }
}
