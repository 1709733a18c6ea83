import { Readable } from 'node:stream';
import { Injectable, Logger } from '@nestjs/common';
import { NotFoundError, UnavailableError } from '../../common/app-error.js';
import { ObjectStorage, StorageError } from '../storage/object-storage.js';
import { ImageStore } from './image-store.js';
import { makeThumbnail } from './thumbnail.js';

export interface ImageContent {
  stream: Readable;
  bytes: number;
  contentType: string;
  /** Strong entity tag: the contents never change. */
  etag: string;
}

/** Bytes of a picture, wherever they are just now. */
@Injectable()
export class ImagesService {
  private readonly log = new Logger('Images');

  constructor(
    private readonly images: ImageStore,
    private readonly storage: ObjectStorage,
  ) {}

  /** @throws NotFoundError for an unknown picture and for somebody else's alike */
  async open(
    id: string,
    size: 'full' | 'thumbnail',
    user: { id: string; role: string },
  ): Promise<ImageContent> {
    const found = await this.images.find(id);
    if (!found || (found.image.ownerId !== user.id && user.role !== 'admin')) {
      throw new NotFoundError('image');
    }
    const { image, spooled } = found;
    const etag = `"${image.sha256.toString('hex')}${size === 'thumbnail' ? '-t' : ''}"`;
    const contentType = size === 'thumbnail' ? 'image/webp' : image.contentType;
    const key = size === 'thumbnail' ? image.thumbnailKey : image.objectKey;
    if (spooled !== null) {
      const bytes = size === 'thumbnail' ? await makeThumbnail(spooled) : spooled;
      return { stream: Readable.from([bytes]), bytes: bytes.length, contentType, etag };
    }
    return { ...(await this.stored(id, key)), contentType, etag };
  }

  private async stored(id: string, key: string | null) {
    try {
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
