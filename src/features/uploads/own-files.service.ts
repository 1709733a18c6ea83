import { Injectable, Logger } from '@nestjs/common';
import { NotFoundError } from '../../common/app-error.js';
import type { Content } from '../../infrastructure/http/send-content.js';
import { AuditLog } from '../audit/audit-log.js';
import type { RequestUser } from '../auth/request-user.js';
import { ObjectStorage, StorageError } from '../storage/object-storage.js';
import { FileContents } from '../stored-files/file-contents.js';
import type { FileKind, StoredFile } from '../stored-files/stored-file.js';
import { StoredFiles } from '../stored-files/stored-files.js';

/** What users do with their files and uploads, and admins with everybody's. */
@Injectable()
export class OwnFilesService {
  private readonly log = new Logger('Storage');

  constructor(
    private readonly files: StoredFiles,
    private readonly contents: FileContents,
    private readonly storage: ObjectStorage,
    private readonly audit: AuditLog,
  ) {}

  /** @throws NotFoundError for unknown files and those of other users alike */
  async find(kind: FileKind, id: string, user: RequestUser): Promise<Content> {
    const file = await this.visible(kind, id, user);
    if (file.ownerId !== user.id) this.audit.reads(user, { action: `${kind}.read`, target: id });
    return this.contents.of(file);
  }

  /** @throws NotFoundError as {@link find} */
  async remove(kind: FileKind, id: string, user: RequestUser): Promise<void> {
    const file = await this.visible(kind, id, user);
    if (file.ownerId !== user.id) {
      const detail = { owner_id: file.ownerId };
      await this.audit.changes(user, { action: `${kind}.delete`, target: id, detail });
    }
    await this.files.remove(id);
    try {
      await this.storage.delete(file.objectKey);
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      this.log.warn(`${file.objectKey} is deleted tonight: ${error.message}`);
    }
  }

  private async visible(kind: FileKind, id: string, user: RequestUser): Promise<StoredFile> {
    const file = await this.files.find(kind, id);
    if (!file || (file.ownerId !== user.id && user.role !== 'admin')) throw new NotFoundError(kind);
    return file;
  }
}
