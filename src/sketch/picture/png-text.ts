import { crc32 } from 'node:zlib';

const IHDR_END = 33;

/**
 * The PNG with one text chunk after its header. Like Pillow: `tEXt` when Latin-1 can hold the text,
 * else `iTXt` in UTF-8.
 */
export function withPngText(png: Buffer, keyword: string, text: string): Buffer {
  const latin1 = Buffer.from(text, 'latin1').toString('latin1') === text;
  const data = latin1
    ? Buffer.concat([Buffer.from(`${keyword}\0`, 'latin1'), Buffer.from(text, 'latin1')])
    : Buffer.concat([Buffer.from(`${keyword}\0\0\0\0\0`, 'latin1'), Buffer.from(text, 'utf8')]);
  return Buffer.concat([
    png.subarray(0, IHDR_END),
    chunk(latin1 ? 'tEXt' : 'iTXt', data),
    png.subarray(IHDR_END),
  ]);
}

function chunk(type: 'tEXt' | 'iTXt', data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  const crc = Buffer.alloc(4);
  crc.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, crc]);
}
