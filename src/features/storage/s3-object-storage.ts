import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { Logger, type OnApplicationShutdown } from '@nestjs/common';
import { deadline } from '../../common/deadline.js';
import type { S3Environment } from '../../config/variables/storage.js';
import { ObjectStorage, type ListedObject, type StoredObject } from './object-storage.js';
import { resumedStream } from './resumed-stream.js';
import { isConflict, isMissing, isUnknownCondition, storageErrorOf } from './s3-errors.js';

/** How long the store is waited for. Milliseconds. */
export interface S3Patience {
  connectMs: number;
  /** For the beginning of an answer. */
  requestMs: number;
  /** For the next bytes. A reader that pauses for longer gets the rest by another connection. */
  idleMs: number;
  /** For a whole exchange, with its second try. The contents of an object may take longer. */
  exchangeMs: number;
}
const usualPatience: S3Patience = {
  connectMs: 5_000,
  requestMs: 60_000,
  idleMs: 30_000,
  exchangeMs: 90_000,
};

/** The ETag of an object that was stored in one piece and is not encrypted with a key of its own: its MD5. */
const md5Tag = /^"([0-9a-f]{32})"$/;

/**
 * Objects in a bucket of any S3 storage. An object is written in one request, with its MD5, so that the store refuses
 * what was damaged on the way.
 */
export class S3ObjectStorage extends ObjectStorage implements OnApplicationShutdown {
  private readonly log = new Logger('Storage');
  private readonly client: S3Client;
  /** For the addresses that browsers use. */
  private readonly publicClient: S3Client | undefined;
  private hasConditions = true;

  constructor(
    private readonly options: S3Environment,
    private readonly patience: S3Patience = usualPatience,
  ) {
    super();
    this.client = clientOf(options, options.endpoint, patience);
    const { publicBaseUrl } = options;
    this.publicClient =
      publicBaseUrl === undefined ? undefined : clientOf(options, publicBaseUrl, patience);
  }

  async put(key: string, bytes: Buffer, contentType: string, signal?: AbortSignal): Promise<void> {
    const digest = createHash('md5').update(bytes).digest();
    const object = { ...this.at(key), Body: bytes, ContentType: contentType };
    const checked = { ...object, ContentMD5: digest.toString('base64') };
    try {
      if (this.hasConditions && (await this.putIfNew(checked, digest, signal))) return;
      const { ETag } = await this.inTime(
        (until) => this.client.send(new PutObjectCommand(checked), until),
        signal,
      );
      refuseOther(ETag, digest);
    } catch (error) {
      throw storageErrorOf(error);
    }
  }

  async get(key: string): Promise<StoredObject | null> {
    try {
      const { Body, ContentLength, ETag } = await this.inTime((until) =>
        this.client.send(new GetObjectCommand(this.at(key)), until),
      );
      const rest = (offset: number) => this.rest(key, ETag, offset);
      return { stream: resumedStream(Body as Readable, rest), bytes: ContentLength! };
    } catch (error) {
      if (isMissing(error)) return null;
      throw storageErrorOf(error);
    }
  }

  async delete(key: string): Promise<void> {
    try {
      await this.inTime((until) => this.client.send(new DeleteObjectCommand(this.at(key)), until));
    } catch (error) {
      if (!isMissing(error)) throw storageErrorOf(error);
    }
  }

  async *list(prefix: string): AsyncIterable<ListedObject> {
    let next: string | undefined;
    do {
      const page = await this.page(prefix, next);
      for (const { Key, Size, LastModified } of page.Contents ?? []) {
        yield { key: Key!, bytes: Size!, writtenAt: LastModified! };
      }
      next = page.NextContinuationToken;
    } while (next !== undefined);
  }

  async link(key: string, seconds: number): Promise<string | null> {
    if (!this.publicClient) return null;
    const command = new GetObjectCommand(this.at(key));
    return getSignedUrl(this.publicClient, command, { expiresIn: seconds });
  }

  describe(): string {
    const { endpoint, bucket } = this.options;
    return `S3, bucket ${bucket} at ${endpoint === undefined ? 'AWS' : new URL(endpoint).host}`;
  }

  onApplicationShutdown(): void {
    this.client.destroy();
    this.publicClient?.destroy();
  }

  /** @throws Error when the store does not give exactly that, of the same object */
  private async rest(key: string, tag: string | undefined, offset: number): Promise<Readable> {
    const part = { Range: `bytes=${offset}-`, IfMatch: tag };
    const { Body, ContentRange } = await this.inTime((until) =>
      this.client.send(new GetObjectCommand({ ...this.at(key), ...part }), until),
    );
    if (ContentRange?.startsWith(`bytes ${offset}-`)) return Body as Readable;
    (Body as Readable).destroy();
    throw new Error('The object storage does not give the rest of an object.');
  }

  private async page(prefix: string, next: string | undefined) {
    const of = { Bucket: this.options.bucket, Prefix: prefix };
    const command = new ListObjectsV2Command({
      ...of,
      ...(next !== undefined && { ContinuationToken: next }),
    });
    try {
      return await this.inTime((until) => this.client.send(command, until));
    } catch (error) {
      throw storageErrorOf(error);
    }
  }

  /** A store may also answer, but so slowly that it never ends. */
  private async inTime<T>(
    ask: (until: { abortSignal: AbortSignal }) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    const end = deadline(this.patience.exchangeMs, signal);
    try {
      return await ask({ abortSignal: end.signal });
    } finally {
      end.clear();
    }
  }

  private at(key: string) {
    return { Bucket: this.options.bucket, Key: key };
  }

  /**
   * Writes the object if the key is free. So a worker that was believed dead does not write over an object that is
   * there.
   *
   * @returns false: something else has the key, or the store does not know conditions
   */
  private async putIfNew(
    object: { Bucket: string; Key: string; Body: Buffer },
    digest: Buffer,
    signal: AbortSignal | undefined,
  ): Promise<boolean> {
    try {
      const { ETag } = await this.inTime(
        (until) => this.client.send(new PutObjectCommand({ ...object, IfNoneMatch: '*' }), until),
        signal,
      );
      refuseOther(ETag, digest);
      return true;
    } catch (error) {
      if (isUnknownCondition(error)) {
        this.hasConditions = false;
        return false;
      }
      if (!isConflict(error)) throw error;
      const same = await this.has(object, digest, signal);
      if (!same) this.log.warn(`${object.Key} is there with other contents, and is replaced`);
      return same;
    }
  }

  private async has(
    { Bucket, Key, Body }: { Bucket: string; Key: string; Body: Buffer },
    digest: Buffer,
    signal: AbortSignal | undefined,
  ): Promise<boolean> {
    const found = await this.inTime(
      (until) => this.client.send(new HeadObjectCommand({ Bucket, Key }), until),
      signal,
    );
    return found.ContentLength === Body.length && isOf(found.ETag, digest);
  }
}

function clientOf(
  { region, credentials, forcePathStyle }: S3Environment,
  endpoint: string | undefined,
  { connectMs, requestMs, idleMs }: S3Patience,
): S3Client {
  return new S3Client({
    region,
    forcePathStyle,
    ...(endpoint !== undefined && { endpoint }),
    ...(credentials && { credentials }),
    // The task that stores tries again, later.
    maxAttempts: 2,
    // Stores other than AWS refuse the checksums that the SDK adds by default.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: connectMs,
      requestTimeout: requestMs,
      throwOnRequestTimeout: true,
      socketTimeout: idleMs,
    },
  });
}

/** Whether the tag is that of these bytes, as far as can be told. */
function isOf(tag: string | undefined, digest: Buffer): boolean {
  const [, md5] = md5Tag.exec(tag ?? '') ?? [];
  return md5 === undefined || md5 === digest.toString('hex');
}

/** @throws Error when the store has stored other bytes than it was sent */
function refuseOther(tag: string | undefined, digest: Buffer): void {
  if (!isOf(tag, digest)) throw new Error('The object storage has stored other bytes.');
}
