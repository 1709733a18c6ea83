import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { NotFoundError } from '../../common/app-error.js';
import { inTransaction, query } from '../../infrastructure/database/transaction.js';
import { AuditLog } from '../audit/audit-log.js';
import type { RequestUser } from '../auth/request-user.js';
import { ImageRemoval } from '../images/image-removal.js';
import { ImageStore } from '../images/image-store.js';

/** What users do with their pictures, and admins with everybody's. */
@Injectable()
export class GalleryService {
  constructor(
    private readonly database: DataSource,
    private readonly images: ImageStore,
    private readonly removal: ImageRemoval,
    private readonly audit: AuditLog,
  ) {}

  /** Setting it again changes nothing. @throws NotFoundError */
  async setFavourite(user: RequestUser, id: string, favourite: boolean): Promise<void> {
    await this.mayChange(user, id, 'image.favourite');
    const sql = `UPDATE generated_images SET favourite = $2 WHERE id = $1 RETURNING id`;
    const changed = await query(this.database, sql, [id, favourite]);
    // Deleted meanwhile.
    if (changed.length === 0) throw new NotFoundError('image');
  }

  /** From then on nobody can read it; a task deletes its objects. @throws NotFoundError */
  async delete(user: RequestUser, id: string, correlationId: string): Promise<void> {
    await this.mayChange(user, id, 'image.delete');
    await inTransaction(this.database, (tx) => this.removal.remove(tx, [id], correlationId));
  }

  /** @throws NotFoundError for unknown ids and pictures of other users alike */
  private async mayChange(user: RequestUser, id: string, action: string): Promise<void> {
    const image = await this.images.find(id);
    if (!image || (image.ownerId !== user.id && user.role !== 'admin')) {
      throw new NotFoundError('image');
    }
    if (image.ownerId === user.id) return;
    await this.audit.changes(user, { action, target: id, detail: { owner_id: image.ownerId } });
  }
}
