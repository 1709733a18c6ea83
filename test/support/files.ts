import sharp from 'sharp';
import type { TestDarkroom } from './darkroom.js';
import { StoredFiles } from '../../src/features/stored-files/stored-files.js';

let pictures = 0;

/** A form with a small PNG; of another colour each time, so that nobody has it already. */
export async function pictureForm(): Promise<FormData> {
  const n = ++pictures;
  const background = { r: n & 255, g: (n >> 8) & 255, b: 99 };
  const picture = sharp({ create: { width: 40, height: 20, channels: 3, background } });
  const form = new FormData();
  form.append('file', new Blob([new Uint8Array(await picture.png().toBuffer())]));
  return form;
}

/** @returns id of a file that a task of the user could have made */
export async function addFile({ app, database }: TestDarkroom, ownerId: string): Promise<string> {
  const file = { ownerId, bytes: Buffer.from('a,b'), contentType: 'text/csv', name: 'report.csv' };
  return (await database.transaction((tx) => app.get(StoredFiles).add(tx, file))).id;
}
