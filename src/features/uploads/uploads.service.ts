import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { NotFoundError } from '../../common/app-error.js';
import { SETTINGS, type Settings } from '../../config/config.module.js';
import {
  inTransaction,
  rows,
  type Transaction,
} from '../../infrastructure/database/transaction.js';
import { Spool } from '../stored-files/spool.js';
import type { StoredFile } from '../stored-files/stored-file.js';
import { StoredFiles } from '../stored-files/stored-files.js';
import { cleanPicture } from './clean-picture.js';
import { UploadPlaces } from './upload-places.js';
import { InvalidPictureError, StorageFullError, TooManyUploadsError } from './uploads.errors.js';

/** Takes in pictures that users send. */
@Injectable()
export class UploadsService {
  private readonly places = new UploadPlaces();

  constructor(
    private readonly database: DataSource,
    private readonly files: StoredFiles,
    private readonly spool: Spool,
    @Inject(SETTINGS)
    private readonly settings: Pick<
      Settings,
      'spoolMaxBytes' | 'uploadMaxBytes' | 'uploadQuota' | 'uploadRetentionDays'
    >,
  ) {}

  /**
   * Reads a picture, makes a clean one of it and stores that.
   *
   * @param read reads at most so many bytes of the request's body
   * @returns `isNew`: the user did not have it already
   * @throws InvalidPictureError, TooManyUploadsError, StorageFullError; AppError 429 or 503 when too many are sent at
   *   once; what `read` throws
   */
  async add(
    sender: { userId: string; correlationId: string },
    read: (maxBytes: number) => Promise<Buffer>,
  ): Promise<StoredFile & { isNew: boolean }> {
    await this.refuseWhileFull();
    return this.places.inPlace(sender.userId, async () => {
      const bytes = await read(this.settings.uploadMaxBytes);
      const clean = await this.places.inTurn(() => cleanPicture(bytes));
      const { uploadMaxBytes, uploadRetentionDays: keptDays } = this.settings;
      if (clean.bytes.length > uploadMaxBytes) {
        throw new InvalidPictureError(
          `has more than ${uploadMaxBytes} bytes when it is encoded again`,
        );
      }
      const { userId: ownerId, correlationId } = sender;
      return inTransaction(this.database, async (tx) => {
        await this.refuseMore(tx, ownerId, clean.bytes);
        return this.files.addUpload(tx, { ...clean, ownerId, correlationId, keptDays });
      });
    });
  }

  private async refuseWhileFull(): Promise<void> {
    const { spoolMaxBytes } = this.settings;
    if (spoolMaxBytes === 0) return;
    const { bytes } = await this.spool.recentSize();
    if (bytes >= spoolMaxBytes) throw new StorageFullError();
  }

  /** Counts exactly, however many are sent at once. */
  private async refuseMore(tx: Transaction, userId: string, added: Buffer): Promise<void> {
    const user = await rows(
      tx,
      `SELECT id FROM users WHERE id = $1 AND deleted_at IS NULL FOR NO KEY UPDATE`,
      [userId],
    );
    // A user who is being deleted would leave it behind.
    if (user.length === 0) throw new NotFoundError('user');
    const most = this.settings.uploadQuota;
    const { files, bytes } = await this.files.usage(tx, userId, added);
    if (files >= most.files) throw new TooManyUploadsError(`${most.files} files`);
    if (bytes + added.length > most.bytes) throw new TooManyUploadsError(`${most.bytes} bytes`);
  }
}
