import { Readable } from 'node:stream';
import { Injectable } from '@nestjs/common';
import { makeZip, predictLength } from 'client-zip';
import { NotFoundError } from '../../common/app-error.js';
import { unhurried } from '../../infrastructure/database/request-deadline.js';
import type { GeneratedImageEntity } from '../images/generated-image.entity.js';
import { ImageStore } from '../images/image-store.js';
import { ImagesService } from '../images/images.service.js';
import type { StoredObject } from '../storage/object-storage.js';

/** Writes pictures into a zip file while it is read: one picture at a time, and only as fast as the reader takes it. */
@Injectable()
export class ImageArchive {
  constructor(
    private readonly store: ImageStore,
    private readonly images: ImagesService,
  ) {}

  /**
   * The pictures are not compressed: they are already. So the length is known beforehand.
   *
   * Failure window: a picture is deleted, or its storage fails, after the first byte was sent. Remedy: the stream
   * fails, which breaks the connection, and the client sees a file that is too short.
   *
   * @throws NotFoundError when one of them is not a picture of the user
   */
  async open(ownerId: string, ids: string[]): Promise<StoredObject> {
    const wanted = [...new Set(ids)];
    const found = await this.store.findOwn(ownerId, wanted);
    const byId = new Map(found.map((image) => [image.id, image]));
    const images = wanted.flatMap((id) => byId.get(id) ?? []);
    if (images.length < wanted.length) throw new NotFoundError('image');
    const zip = makeZip(this.contents(images));
    return { stream: Readable.fromWeb(zip), bytes: Number(predictLength(images.map(entryOf))) };
  }

  private async *contents(images: GeneratedImageEntity[]) {
    for (const image of images) {
      // The answer has begun: a busy database must not break it off.
      const { stream, bytes } = await unhurried(() => this.images.read(image.id));
      // It may fail while nobody reads it; whoever reads it then is told.
      stream.on('error', () => {});
      try {
        if (bytes !== image.bytes) {
          throw new Error(`Image ${image.id} has ${bytes} bytes instead of ${image.bytes}.`);
        }
        yield { ...entryOf(image), input: stream };
      } finally {
        stream.destroy();
      }
    }
  }
}

function entryOf({ id, contentType, createdAt, bytes }: GeneratedImageEntity) {
  const extension = contentType.slice('image/'.length);
  const name = `${createdAt.toISOString().slice(0, 10)}_${id}.${extension}`;
  return { name, lastModified: createdAt, size: bytes };
}
