import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import { v7 as uuidv7 } from 'uuid';
import { ImageStore } from '../../../src/features/images/image-store.js';
import { StoredFiles } from '../../../src/features/stored-files/stored-files.js';
import { about } from '../../support/about.js';
import { collectGarbage } from '../../support/collect-garbage.js';
import { startDarkroom, type TestDarkroom } from '../../support/darkroom.js';
import { eventually } from '../../support/eventually.js';
import { problemOf } from '../../support/problem.js';

const mebibyte = 2 ** 20;
const readers = 20;

/** Of 12 MiB: more than the buffers of a connection take. */
function largePicture(): Promise<Buffer> {
  const raw = { width: 2_048, height: 2_048, channels: 3 as const };
  return sharp(randomBytes(raw.width * raw.height * raw.channels), { raw })
    .png({ compressionLevel: 0 })
    .toBuffer();
}

describe('what is in the spool', () => {
  let darkroom: TestDarkroom;
  let ownerId: string;
  beforeAll(async () => {
    darkroom = await startDarkroom('postgres', { workers: false });
    [{ id: ownerId }] = await darkroom.database.query('SELECT id FROM users LIMIT 1');
  });
  afterAll(() => darkroom.close());

  async function addPicture(bytes: Buffer): Promise<string> {
    const image = {
      bytes,
      contentType: 'image/png' as const,
      width: 2_048,
      height: 2_048,
      seed: 1,
    };
    const texts = { prompt: 'x', negativePrompt: '', model: null, characterName: null };
    const origin = { ...texts, taskId: uuidv7(), ownerId, correlationId: null, chatId: null };
    const [added] = await darkroom.database.transaction((tx) =>
      darkroom.app.get(ImageStore).add(tx, origin, [image]),
    );
    return `/api/v1/images/${added!.id}`;
  }

  async function addFile(bytes: Buffer): Promise<string> {
    const file = { ownerId, bytes, contentType: 'text/csv', name: 'report.csv' };
    const { id } = await darkroom.database.transaction((tx) =>
      darkroom.app.get(StoredFiles).add(tx, file),
    );
    return `/api/v1/files/${id}`;
  }

  /** Asks for it, and reads no further than the beginning. */
  async function readSlowly(path: string): Promise<Socket> {
    const socket = connect(Number(new URL(darkroom.url).port), '127.0.0.1');
    socket.write(
      `GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${darkroom.adminKey}\r\n` +
        'Connection: close\r\n\r\n',
    );
    await once(socket, 'readable');
    return socket;
  }

  async function rest(socket: Socket): Promise<Buffer> {
    const chunks: Buffer[] = [];
    // The server may reset the connection.
    socket.on('error', () => {}).on('data', (chunk: Buffer) => void chunks.push(chunk));
    await once(socket, 'close');
    const answer = Buffer.concat(chunks);
    expect(answer.subarray(0, 15).toString()).toBe('HTTP/1.1 200 OK');
    return answer.subarray(answer.indexOf('\r\n\r\n') + 4);
  }

  const digest = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
  const held = async () => {
    await collectGarbage();
    return process.memoryUsage().arrayBuffers;
  };

  it('breaks the connection of a reader when it is deleted', async () => {
    const picture = await largePicture();
    const path = await addPicture(picture);
    const socket = await readSlowly(path);
    const removed = await darkroom.request(path, { method: 'DELETE' });
    expect(removed.status).toBe(204);
    const cut = await rest(socket);
    expect(cut.length).toBeLessThan(picture.length);
    await problemOf(await darkroom.request(path), 404, 'not_found');
  });

  it('needs little memory for each reader, however slow, and is read to its end from storage', async () => {
    const [picture, file] = [await largePicture(), randomBytes(16 * mebibyte)];
    const wanted = [picture, file].map(digest);
    const paths = [await addPicture(picture), await addFile(file)];
    const before = await held();
    const sockets = await Promise.all(
      Array.from({ length: readers }, (_, n) => readSlowly(paths[n % 2]!)),
    );
    const more = (await held()) - before;
    about(`${more} bytes`, () => expect(more).toBeLessThan(readers * 2 * mebibyte));

    darkroom.startWorkers();
    await eventually('nothing is in the spool', async () => {
      const left = await darkroom.database.query('SELECT FROM image_spool');
      return left.length === 0;
    });
    for (const [n, socket] of sockets.entries()) {
      const body = await rest(socket);
      const { length } = n % 2 === 0 ? picture : file;
      about(`reader ${n}`, () => expect(body.length).toBe(length));
      expect(digest(body)).toBe(wanted[n % 2]);
    }
  });
});
