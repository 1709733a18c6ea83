import { Inject, Injectable } from '@nestjs/common';
import { SETTINGS, type Settings } from '../../config/config.module.js';
import { PutOffTasks } from '../../tasks/operations/put-off-tasks.js';
import { ObjectStorage } from '../storage/object-storage.js';
import { uploadToCloudTask } from '../storage/storage.tasks.js';
import { Spool } from '../stored-files/spool.js';

export interface StorageReport {
  /** Where objects are, without credentials. */
  storage: string;
  spool: { files: number; bytes: number; max_bytes: number | null; oldest_at: string | null };
  /** Uploads that are put off because the storage was away. */
  put_off: number;
  /** When the first of them was put off; null: the storage is well, as far as the workers know. */
  away_since: string | null;
}

/** What waits for the object storage, for operators. */
@Injectable()
export class StorageStatus {
  constructor(
    private readonly storage: ObjectStorage,
    private readonly spool: Spool,
    private readonly putOff: PutOffTasks,
    @Inject(SETTINGS) private readonly settings: Pick<Settings, 'spoolMaxBytes'>,
  ) {}

  async report(): Promise<StorageReport> {
    const { files, bytes, oldestAt } = await this.spool.size();
    const { tasks, since } = await this.putOff.count(uploadToCloudTask);
    const { spoolMaxBytes } = this.settings;
    return {
      storage: this.storage.describe(),
      spool: {
        files,
        bytes,
        max_bytes: spoolMaxBytes === 0 ? null : spoolMaxBytes,
        oldest_at: oldestAt?.toISOString() ?? null,
      },
      put_off: tasks,
      away_since: since?.toISOString() ?? null,
    };
  }
}
