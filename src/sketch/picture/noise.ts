import sharp from 'sharp';
import { randomOf } from './random.js';

const GRAIN = 256;
let grain: Promise<Buffer> | undefined;

/** A grey tile, no larger than the picture, that gives the print its paper. */
export async function grainTile(width: number, height: number): Promise<Buffer> {
  grain ??= makeGrain();
  if (width >= GRAIN && height >= GRAIN) return grain;
  const area = { left: 0, top: 0, width: Math.min(GRAIN, width), height: Math.min(GRAIN, height) };
  return sharp(await grain)
    .extract(area)
    .png()
    .toBuffer();
}

async function makeGrain(): Promise<Buffer> {
  const random = randomOf('grain');
  const pixels = Buffer.alloc(GRAIN * GRAIN * 4);
  for (let at = 0; at < pixels.length; at += 4) {
    pixels.fill(128 + (random() + random() - 1) * 70, at, at + 3);
    pixels[at + 3] = 110;
  }
  return sharp(pixels, { raw: { width: GRAIN, height: GRAIN, channels: 4 } })
    .png()
    .toBuffer();
}

/** Coloured noise in blocks of 8 pixels, the size of one latent cell; `strength` is its opacity. */
export async function latentNoise(
  seed: number,
  width: number,
  height: number,
  strength: number,
): Promise<Buffer> {
  const random = randomOf('latent', seed);
  const cells = {
    width: Math.ceil(width / 8),
    height: Math.ceil(height / 8),
    channels: 4 as const,
  };
  const pixels = Buffer.alloc(cells.width * cells.height * 4);
  for (let at = 0; at < pixels.length; at += 4) {
    pixels[at] = (random() + random()) * 128;
    pixels[at + 1] = (random() + random()) * 128;
    pixels[at + 2] = (random() + random()) * 128;
    pixels[at + 3] = Math.round(255 * strength * (0.55 + 0.45 * random()));
  }
  return sharp(pixels, { raw: cells })
    .resize(width, height, { kernel: 'cubic', fit: 'fill' })
    .png({ compressionLevel: 0 })
    .toBuffer();
}
