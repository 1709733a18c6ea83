import { Readable } from 'node:stream';
import { Injectable } from '@nestjs/common';
import { NotFoundError } from '../../common/app-error.js';
import type { Content, ContentSource } from '../../infrastructure/http/send-content.js';
import { AuditLog } from '../audit/audit-log.js';
import type { RequestUser } from '../auth/request-user.js';
import { ObjectStorage, type StoredObject } from '../storage/object-storage.js';
import { storedContent, storedObject } from '../storage/stored-content.js';
import { ImageStore, type SpooledImage } from './image-store.js';
import { makeThumbnail } from './thumbnail.js';

/** Serves the bytes of a picture, from the spool or from storage. */
@Injectable()
export class ImagesService {
  constructor(
    private readonly images: ImageStore,
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
      open: () => this.open(id, size),
    };
  }

  /** The whole picture, for callers who have checked whose it is. @throws NotFoundError, UnavailableError */
  async read(id: string): Promise<StoredObject> {
    const { image, spooled } = await this.findBytes(id);
    return spooled === null
      ? storedObject(this.storage, image.objectKey, 'image')
      : inMemory(spooled);
  }

  private async open(id: string, size: 'full' | 'thumbnail'): Promise<ContentSource> {
    const { image, spooled } = await this.findBytes(id);
    if (spooled !== null) {
      return inMemory(size === 'thumbnail' ? await makeThumbnail(spooled) : spooled);
    }
    const key = size === 'thumbnail' ? image.thumbnailKey : image.objectKey;
    return storedContent(this.storage, key, 'image');
  }

  private async findBytes(id: string): Promise<SpooledImage> {
    const found = await this.images.findSpooled(id);
    if (!found) throw new NotFoundError('image');
    return found;
  }
}

function inMemory(bytes: Buffer): StoredObject {
  return { stream: Readable.from([bytes]), bytes: bytes.length };
}
