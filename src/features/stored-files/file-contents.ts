import { Injectable } from '@nestjs/common';
import type { Content, ContentSource } from '../../infrastructure/http/send-content.js';
import { ObjectStorage } from '../storage/object-storage.js';
import { storedContent, storedObject } from '../storage/stored-content.js';
import { Spool } from './spool.js';
import type { StoredFile } from './stored-file.js';

/** Serves the bytes of a file, from the spool or from storage. */
@Injectable()
export class FileContents {
  constructor(
    private readonly spool: Spool,
    private readonly storage: ObjectStorage,
  ) {}

  of(file: StoredFile): Content {
    const { contentType, sha256 } = file;
    return { contentType, etag: `"${sha256.toString('hex')}"`, open: () => this.open(file) };
  }

  private async open({ id, bytes, objectKey, storedAt }: StoredFile): Promise<ContentSource> {
    const stored = () => storedObject(this.storage, objectKey, 'file');
    const spooled =
      storedAt === null ? await this.spool.open({ kind: 'file', id, bytes }, stored) : undefined;
    return spooled ?? storedContent(this.storage, objectKey, 'file');
  }
}
