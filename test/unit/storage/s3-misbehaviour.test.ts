import { createHash, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTcpServer, type AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from '@jest/globals';
import { S3ObjectStorage } from '../../../src/features/storage/s3-object-storage.js';
import { StorageError } from '../../../src/features/storage/object-storage.js';
import { eventually } from '../../support/eventually.js';

const bytes = Buffer.from('a picture');
const tag = (of: Buffer) => `"${createHash('md5').update(of).digest('hex')}"`;
const patience = { connectMs: 1_000, requestMs: 500, idleMs: 500, exchangeMs: 3_000 };

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

const fails =
  (status: number, code: string): Answer =>
  (_, response) => {
    response.writeHead(status, { 'content-type': 'application/xml' });
    response.end(`<Error><Code>${code}</Code><Message>secret words</Message></Error>`);
  };
const stores =
  (of = bytes): Answer =>
  (_, response) => {
    response.writeHead(200, { etag: tag(of) }).end();
  };

const drips: Answer = (request, response) => {
  response.writeHead(500, { 'content-type': 'application/xml' });
  const timer = setInterval(() => response.write(' '), 20);
  request.socket.once('close', () => clearInterval(timer));
};
const breaksOff: Answer = (_, response) => {
  response.writeHead(500, { 'content-type': 'application/xml', 'content-length': 100 });
  response.write('<Error>');
  setTimeout(() => response.destroy(), 20);
};

describe('an S3 storage that misbehaves', () => {
  const open: { server: Server; storage: S3ObjectStorage }[] = [];
  afterEach(async () => {
    for (const { server, storage } of open.splice(0)) {
      storage.onApplicationShutdown();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  });

  /** Each request gets the next answer, the last one again and again. */
  async function storageWith(...answers: Answer[]) {
    const seen: IncomingMessage[] = [];
    const server = createServer((request, response) => {
      const answer = answers[Math.min(seen.length, answers.length - 1)]!;
      seen.push(request);
      request.resume().once('end', () => answer(request, response));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const storage = storageAt((server.address() as AddressInfo).port);
    open.push({ server, storage });
    return { storage, seen };
  }

  const storageAt = (port: number) =>
    new S3ObjectStorage(
      {
        bucket: 'pictures',
        endpoint: `http://127.0.0.1:${port}`,
        region: 'ru-central1',
        credentials: { accessKeyId: 'key-id', secretAccessKey: 'canary-secret' },
        forcePathStyle: true,
        publicBaseUrl: 'https://pictures.example.com',
      },
      patience,
    );
  const put = (storage: S3ObjectStorage) => storage.put('images/a/0.png', bytes, 'image/png');
  const errorOf = async (work: Promise<unknown>): Promise<StorageError> => {
    const error: unknown = await work.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(StorageError);
    return error as StorageError;
  };

  const troubles: [what: string, code: string, answer: Answer][] = [
    ['says 500', 'storage_unavailable', fails(500, 'InternalError')],
    ['asks to slow down', 'storage_unavailable', fails(503, 'SlowDown')],
    ['found the bytes damaged', 'storage_unavailable', fails(400, 'BadDigest')],
    ['does not know the key', 'storage_refused', fails(403, 'InvalidAccessKeyId')],
    ['has no such bucket', 'storage_refused', fails(404, 'NoSuchBucket')],
    ['sends elsewhere', 'storage_refused', fails(301, 'PermanentRedirect')],
    ['is full', 'storage_full', fails(507, 'InsufficientStorage')],
    ['is over its quota', 'storage_full', fails(403, 'QuotaExceeded')],
    ['stores other bytes', 'storage_unavailable', stores(Buffer.from('others'))],
    ['hangs', 'storage_unavailable', () => {}],
    ['answers byte by byte, without end', 'storage_unavailable', drips],
    ['breaks off its answer', 'storage_unavailable', breaksOff],
    ['resets the connection', 'storage_unavailable', (request) => request.socket.destroy()],
    ['answers with a web page', 'storage_unavailable', (_, r) => r.writeHead(502).end('<html>')],
  ];
  for (const [what, code, answer] of troubles) {
    it(`${what}: ${code}, without its words`, async () => {
      const { storage } = await storageWith(answer);
      const error = await errorOf(put(storage));
      expect(error.code).toBe(code);
      expect(error.message).not.toMatch(/secret|canary/);
    });
  }

  it('resets the connection in the middle of what it is sent', async () => {
    const server = createTcpServer((socket) => {
      socket.on('error', () => {});
      let seen = 0;
      socket.on('data', (chunk) => {
        seen += chunk.length;
        if (seen > 100_000) socket.resetAndDestroy();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const storage = storageAt((server.address() as AddressInfo).port);
    const large = Buffer.alloc(9_000_000);
    const error = await errorOf(storage.put('images/a/0.png', large, 'image/png'));
    expect(error.code).toBe('storage_unavailable');
    storage.onApplicationShutdown();
    server.close();
  });

  it('takes longer than a writer waits: the request ends with the writer’s signal', async () => {
    const { storage, seen } = await storageWith(() => {});
    const writer = new AbortController();
    const work = storage.put('images/a/0.png', bytes, 'image/png', writer.signal);
    await eventually('it is asked', () => seen.length === 1);
    writer.abort();
    expect((await errorOf(work)).code).toBe('storage_unavailable');
    expect(seen.length).toBe(1);
  });

  it('knows no conditional writes: it is asked once, then written without', async () => {
    const { storage, seen } = await storageWith(fails(501, 'NotImplemented'), stores());
    await put(storage);
    await put(storage);
    expect(seen.map(({ headers }) => headers['if-none-match'])).toEqual([
      '*',
      undefined,
      undefined,
    ]);
    expect(seen.every(({ headers }) => headers['content-md5'] !== undefined)).toBe(true);
  });

  it('has the object already: it stays, and one with other contents is replaced', async () => {
    const taken = fails(412, 'PreconditionFailed');
    const has =
      (of: Buffer): Answer =>
      (_, response) => {
        response.writeHead(200, { etag: tag(of), 'content-length': of.length }).end();
      };
    const same = await storageWith(taken, has(bytes));
    await put(same.storage);
    expect(same.seen.map(({ method }) => method)).toEqual(['PUT', 'HEAD']);
    const other = await storageWith(taken, has(Buffer.from('a pixture')), stores());
    await put(other.storage);
    expect(other.seen.map(({ method }) => method)).toEqual(['PUT', 'HEAD', 'PUT']);
  });

  it('breaks off in the middle of an object: whoever reads it notices', async () => {
    const { storage } = await storageWith((_, response) => {
      response.writeHead(200, { 'content-length': 100 });
      response.write('half');
      setTimeout(() => response.destroy(), 50);
    });
    const object = await storage.get('images/a/0.png');
    await expect(buffer(object!.stream)).rejects.toThrow();
  });

  const large = randomBytes(3_000_000);
  /** The object from where it is asked for on, or from elsewhere; cut off after so many bytes. */
  const gives =
    ({ length = Infinity, from = (asked: number) => asked } = {}): Answer =>
    ({ headers }, response) => {
      const begin = from(Number(/^bytes=(\d+)-$/.exec(headers.range ?? '')?.[1] ?? 0));
      const range = `bytes ${begin}-${large.length - 1}/${large.length}`;
      response.writeHead(begin > 0 ? 206 : 200, {
        etag: tag(large),
        'content-length': large.length - begin,
        ...(begin > 0 && { 'content-range': range }),
      });
      response.write(large.subarray(begin, begin + length), () => {
        if (begin + length < large.length) setTimeout(() => response.destroy(), 50);
        else response.end();
      });
    };

  it('breaks off again and again in the middle of an object: the rest is asked for', async () => {
    const { storage, seen } = await storageWith(gives({ length: 1_200_000 }));
    const { stream, bytes: length } = (await storage.get('images/a/0.png'))!;
    expect((await buffer(stream)).equals(large)).toBe(true);
    expect(length).toBe(large.length);
    expect(seen.length).toBeGreaterThan(2);
    for (const { headers } of seen.slice(1)) {
      expect(headers).toMatchObject({ range: expect.any(String), 'if-match': tag(large) });
    }
  });

  it('is read by somebody who pauses for longer than it is waited for', async () => {
    const { storage, seen } = await storageWith(gives());
    const { stream } = (await storage.get('images/a/0.png'))!;
    const chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    const { value: first } = (await chunks.next()) as { value: Buffer };
    await eventually('the connection is closed', () => seen[0]!.socket.destroyed);
    const others: Buffer[] = [];
    for (let next = await chunks.next(); !next.done; next = await chunks.next()) {
      others.push(next.value);
    }
    expect(Buffer.concat([first, ...others]).equals(large)).toBe(true);
    expect(seen.length).toBe(2);
  });

  it('does not give the rest of an object that was asked for: whoever reads it notices', async () => {
    for (const from of [() => 0, (asked: number) => Math.max(0, asked - 1)]) {
      const { storage, seen } = await storageWith(gives({ length: 1_000_000, from }));
      const { stream } = (await storage.get('images/a/0.png'))!;
      await expect(buffer(stream)).rejects.toThrow();
      expect(seen.length).toBe(2);
    }
  });

  it('keeps no connection for an object that nobody reads', async () => {
    const { storage, seen } = await storageWith(gives());
    (await storage.get('images/a/0.png'))!.stream.destroy();
    await eventually('the connection is closed', () => seen[0]!.socket.destroyed);
  });

  it('answers without end: nothing waits for that', async () => {
    const { storage } = await storageWith(drips);
    const list = async () => {
      for await (const object of storage.list('images/')) throw new Error(object.key);
    };
    const works = [storage.get('images/a/0.png'), storage.delete('images/a/0.png'), list()];
    for (const { code } of await Promise.all(works.map(errorOf))) {
      expect(code).toBe('storage_unavailable');
    }
  });

  it('is asked for what it does not have: null, but not when the bucket is missing', async () => {
    const missing = await storageWith(fails(404, 'NoSuchKey'));
    expect(await missing.storage.get('images/a/0.png')).toBe(null);
    await missing.storage.delete('images/a/0.png');
    const { storage } = await storageWith(fails(404, 'NoSuchBucket'));
    expect((await errorOf(storage.get('images/a/0.png'))).code).toBe('storage_refused');
  });

  it('links are signed for the address of browsers and for so long; no secret is in them', async () => {
    const { storage, seen } = await storageWith(stores());
    const link = new URL((await storage.link('images/a b/0.png', 300))!);
    expect(link.origin).toBe('https://pictures.example.com');
    expect(link.pathname).toBe('/pictures/images/a%20b/0.png');
    expect(link.searchParams.get('X-Amz-Expires')).toBe('300');
    expect(link.searchParams.get('X-Amz-Signature')).toMatch(/^[0-9a-f]{64}$/);
    expect(link.href).not.toContain('canary-secret');
    expect(storage.describe()).not.toMatch(/canary|key-id/);
    expect(seen).toEqual([]);
  });
});
