import { Readable } from 'node:stream';
import { Injectable } from '@nestjs/common';
import { NotFoundError } from '../../common/app-error.js';
import type { Content, ContentSource } from '../../infrastructure/http/send-content.js';
import { ObjectStorage } from '../storage/object-storage.js';
import { storedContent } from '../storage/stored-content.js';
import type { StoredFile } from './stored-file.js';
import { StoredFiles } from './stored-files.js';

/** Serves the bytes of a file, from the spool or from storage. */
@Injectable()
export class FileContents {
  constructor(
    private readonly files: StoredFiles,
    private readonly storage: ObjectStorage,
  ) {}

  of({ id, contentType, sha256 }: StoredFile): Content {
    return { contentType, etag: `"${sha256.toString('hex')}"`, open: () => this.open(id) };
  }

  private async open(id: string): Promise<ContentSource> {
    const found = await this.files.findSpooled(id);
    if (!found) throw new NotFoundError('file');
    const { file, spooled } = found;
    if (spooled === null) return storedContent(this.storage, file.objectKey, 'file');
    return { stream: Readable.from([spooled]), bytes: spooled.length };
  }
}
