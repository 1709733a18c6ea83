import { Readable } from 'node:stream';
import { Injectable, Logger } from '@nestjs/common';
import { NotFoundError, UnavailableError } from '../../common/app-error.js';
import { AuditLog } from '../audit/audit-log.js';
import type { RequestUser } from '../auth/request-user.js';
import { ObjectStorage, StorageError } from '../storage/object-storage.js';
import { ImageStore } from './image-store.js';
import { makeThumbnail } from './thumbnail.js';

/** A picture as its row describes it. Its bytes are read on demand. */
export interface ImageContent {
  contentType: string;
  /** Strong entity tag: the contents never change. */
  etag: string;
  /** @throws UnavailableError, NotFoundError */
  open(): Promise<ImageSource>;
}

/** Where the bytes are. */
export type ImageSource =
  | { stream: Readable; bytes: number }
  /** A signed link, for a browser to fetch them itself. */
  | { link: string };

/** How long a link to a picture can be used. */
const linkSeconds = 300;

/** Serves the bytes of a picture, from the spool or from storage. */
@Injectable()
export class ImagesService {
  private readonly log = new Logger('Images');

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
  ): Promise<ImageContent> {
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

  private async open(id: string, size: 'full' | 'thumbnail'): Promise<ImageSource> {
    const found = await this.images.findSpooled(id);
    if (!found) throw new NotFoundError('image');
    const { image, spooled } = found;
    if (spooled === null) {
      return this.stored(id, size === 'thumbnail' ? image.thumbnailKey : image.objectKey);
    }
    const bytes = size === 'thumbnail' ? await makeThumbnail(spooled) : spooled;
    return { stream: Readable.from([bytes]), bytes: bytes.length };
  }

  private async stored(id: string, key: string | null): Promise<ImageSource> {
    try {
      const link = key === null ? null : await this.storage.link(key, linkSeconds);
      if (link !== null) return { link };
      const object = key === null ? null : await this.storage.get(key);
      if (object) return object;
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      throw new UnavailableError(error.message, error);
    }
    this.log.error(`Image ${id}: its object is missing from storage`);
    throw new NotFoundError('image');
  }
}
