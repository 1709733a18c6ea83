import { Readable } from 'node:stream';
import { Injectable } from '@nestjs/common';
import { NotFoundError } from '../../common/app-error.js';
import { Places } from '../../common/places.js';
import type { Content, ContentSource } from '../../infrastructure/http/send-content.js';
import { AuditLog } from '../audit/audit-log.js';
import type { RequestUser } from '../auth/request-user.js';
import { ObjectStorage, type StoredObject } from '../storage/object-storage.js';
import { storedContent, storedObject } from '../storage/stored-content.js';
import { Spool } from '../stored-files/spool.js';
import type { GeneratedImageEntity } from './generated-image.entity.js';
import { ImageStore } from './image-store.js';
import { makeThumbnail } from './thumbnail.js';

/** Serves the bytes of a picture, from the spool or from storage. */
@Injectable()
export class ImagesService {
  private readonly thumbnails = new Places({
    // Each needs a whole picture, and its pixels.
    atOnce: 2,
    mostWaiting: 64,
    full: 'Too many thumbnails are being made just now.',
  });

  constructor(
    private readonly images: ImageStore,
    private readonly spool: Spool,
    private readonly storage: ObjectStorage,
    private readonly audit: AuditLog,
  ) {}

  /** @throws NotFoundError for unknown pictures and for those of other users alike */
  async find(
    id: string,
    size: 'full' | 'thumbnail',
    user: Pick<RequestUser, 'id' | 'name' | 'role'>,
  ): Promise<Content> {
    const image = await this.images.find(id);
    if (!image || (image.ownerId !== user.id && user.role !== 'admin')) {
      throw new NotFoundError('image');
    }
    if (image.ownerId !== user.id) this.audit.reads(user, { action: 'image.read', target: id });
    return {
      contentType: size === 'thumbnail' ? 'image/webp' : image.contentType,
      etag: `"${image.sha256.toString('hex')}${size === 'thumbnail' ? '-t' : ''}"`,
      open: () => (size === 'thumbnail' ? this.openThumbnail(image) : this.open(image)),
    };
  }

  /** The whole picture, for callers who have checked whose it is. @throws NotFoundError, UnavailableError */
  async read(id: string): Promise<StoredObject> {
    return (await this.openSpooled(await this.row(id))) ?? this.openStored(id);
  }

  private async open(image: GeneratedImageEntity): Promise<ContentSource> {
    const spooled = await this.openSpooled(image);
    return spooled ?? storedContent(this.storage, (await this.row(image.id)).objectKey, 'image');
  }

  private async openThumbnail({ id, thumbnailKey }: GeneratedImageEntity): Promise<ContentSource> {
    const made =
      thumbnailKey === null
        ? await this.thumbnails.use(() => this.thumbnailOfSpooled(id))
        : undefined;
    return made ?? storedContent(this.storage, (await this.row(id)).thumbnailKey, 'image');
  }

  private async openSpooled({ id, bytes, objectKey }: GeneratedImageEntity) {
    if (objectKey !== null) return undefined;
    return this.spool.open({ kind: 'image', id, bytes }, () => this.openStored(id));
  }

  private async openStored(id: string): Promise<StoredObject> {
    return storedObject(this.storage, (await this.row(id)).objectKey, 'image');
  }

  private async thumbnailOfSpooled(id: string): Promise<StoredObject | undefined> {
    const found = await this.images.findSpooled(id);
    if (!found?.spooled) return undefined;
    const bytes = await makeThumbnail(found.spooled);
    return { stream: Readable.from([bytes]), bytes: bytes.length };
  }

  /** As it is now. @throws NotFoundError */
  private async row(id: string): Promise<GeneratedImageEntity> {
    const image = await this.images.find(id);
    if (!image) throw new NotFoundError('image');
    return image;
  }
}
