import { Readable } from 'node:stream';
import { Injectable, Logger } from '@nestjs/common';
import { NotFoundError, UnavailableError } from '../../common/app-error.js';
import { AuditLog } from '../audit/audit-log.js';
import type { RequestUser } from '../auth/request-user.js';
import { ObjectStorage, StorageError, type StoredObject } from '../storage/object-storage.js';
import { ImageStore, type SpooledImage } from './image-store.js';
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
  | StoredObject
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

  /** The whole picture, for callers who have checked whose it is. @throws NotFoundError, UnavailableError */
  async read(id: string): Promise<StoredObject> {
    const { image, spooled } = await this.findBytes(id);
    return spooled === null ? this.stored(id, image.objectKey) : inMemory(spooled);
  }

  private async open(id: string, size: 'full' | 'thumbnail'): Promise<ImageSource> {
    const { image, spooled } = await this.findBytes(id);
    if (spooled !== null) {
      return inMemory(size === 'thumbnail' ? await makeThumbnail(spooled) : spooled);
    }
    const key = size === 'thumbnail' ? image.thumbnailKey : image.objectKey;
    const link = key === null ? null : await this.fromStorage(this.storage.link(key, linkSeconds));
    return link === null ? this.stored(id, key) : { link };
  }

  private async findBytes(id: string): Promise<SpooledImage> {
    const found = await this.images.findSpooled(id);
    if (!found) throw new NotFoundError('image');
    return found;
  }

  private async stored(id: string, key: string | null): Promise<StoredObject> {
    const object = key === null ? null : await this.fromStorage(this.storage.get(key));
    if (object) return object;
    this.log.error(`Image ${id}: its object is missing from storage`);
    throw new NotFoundError('image');
  }

  private async fromStorage<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      throw new UnavailableError(error.message, error);
    }
  }
}

function inMemory(bytes: Buffer): StoredObject {
  return { stream: Readable.from([bytes]), bytes: bytes.length };
}
