import { describe, expect, it } from '@jest/globals';
import { about } from '../../support/about.js';
import { crc32 } from 'node:zlib';
import sharp from 'sharp';
import { drawPicture, type PictureOrder } from '../../../src/sketch/picture/draw-picture.js';
import { sceneSvg } from '../../../src/sketch/picture/scene.js';

const order: PictureOrder = {
  prompt: 'a castle in the mountains',
  seed: 7,
  width: 96,
  height: 64,
  denoised: 1,
  format: 'png',
  infotext: 'a castle\nSteps: 20',
};
const draw = (change: Partial<PictureOrder> = {}) => drawPicture({ ...order, ...change });

interface Chunk {
  type: string;
  data: Buffer;
  crc: number;
  expectedCrc: number;
}

function chunksOf(png: Buffer): Chunk[] {
  const chunks: Chunk[] = [];
  for (let at = 8; at < png.length;) {
    const length = png.readUInt32BE(at);
    chunks.push({
      type: png.toString('latin1', at + 4, at + 8),
      data: png.subarray(at + 8, at + 8 + length),
      crc: png.readUInt32BE(at + 8 + length),
      expectedCrc: crc32(png.subarray(at + 4, at + 8 + length)),
    });
    at += length + 12;
  }
  return chunks;
}

describe('the picture', () => {
  it('is the same for the same prompt, seed and size', async () => {
    expect(await draw()).toEqual(await draw());
  });

  it('differs by prompt and by seed', async () => {
    const first = await draw();
    expect(await draw({ prompt: 'a boat on the sea' })).not.toEqual(first);
    expect(await draw({ seed: 8 })).not.toEqual(first);
  });

  for (const [width, height] of [
    [8, 8],
    [64, 1024],
    [513, 257],
    [1000, 72],
  ] as const) {
    it(`is exactly ${width}×${height} when asked`, async () => {
      const { format, width: w, height: h } = await sharp(await draw({ width, height })).metadata();
      expect([format, w, h]).toEqual(['png', width, height]);
    });
  }

  for (const [format, name] of [
    ['jpg', 'jpeg'],
    ['webp', 'webp'],
  ] as const) {
    it(`can be ${format}`, async () => {
      expect((await sharp(await draw({ format })).metadata()).format).toBe(name);
    });
  }

  it('draws every subject without broken numbers', () => {
    for (const subject of [
      'mountain',
      'hills',
      'forest',
      'desert',
      'sea',
      'city at night',
      'ink',
      'x',
    ]) {
      for (let seed = 0; seed < 20; seed++) {
        expect(sceneSvg(subject, seed, 512, 768)).not.toMatch(/NaN|undefined|Infinity/);
      }
    }
  });

  it('carries the mark, drawn as paths', () => {
    const svg = sceneSvg('x', 1, 512, 512);
    expect(svg).not.toMatch(/<text/);
    expect(svg).toContain('M.1 .5H5.9M3 .5V9.9');
  });

  it('is noisier the earlier it was stopped', async () => {
    const finished = await sharp(await draw())
      .raw()
      .toBuffer();
    const distance = async (denoised: number): Promise<number> => {
      const pixels = await sharp(await draw({ denoised }))
        .raw()
        .toBuffer();
      return pixels.reduce((sum, value, i) => sum + Math.abs(value - (finished[i] ?? 0)), 0);
    };
    const [late, early, never] = [await distance(0.95), await distance(0.3), await distance(0)];
    about(`${late} < ${early} < ${never}`, () => expect(early > late && never > early).toBe(true));
    expect(late / finished.length).toBeLessThan(15);
  });
});

describe('the parameters in a PNG', () => {
  it('are a tEXt chunk after the header, with a right checksum', async () => {
    const chunks = chunksOf(await draw());
    expect(chunks.slice(0, 2).map(({ type }) => type)).toEqual(['IHDR', 'tEXt']);
    expect(chunks[1]?.data.toString('latin1')).toBe('parameters\0a castle\nSteps: 20');
    for (const { crc, expectedCrc } of chunks) expect(crc).toBe(expectedCrc);
  });

  it('are an iTXt chunk when Latin-1 cannot hold them', async () => {
    const chunk = chunksOf(await draw({ infotext: '山 и море' }))[1];
    expect(chunk?.type).toBe('iTXt');
    expect(chunk?.data.toString('utf8')).toBe('parameters\0\0\0\0\0山 и море');
    expect(chunk?.crc).toBe(chunk?.expectedCrc);
  });
});
