import sharp, { type Sharp } from 'sharp';
import { grainTile, latentNoise } from './noise.js';
import { withPngText } from './png-text.js';
import { sceneSvg } from './scene.js';

export type PictureFormat = 'png' | 'jpg' | 'webp';

export interface PictureOrder {
  prompt: string;
  seed: number;
  width: number;
  height: number;
  /** 1 is finished; less leaves noise in, as an interrupt does. */
  denoised: number;
  format: PictureFormat;
  /** The `parameters` text that A1111 writes into a PNG. */
  infotext: string;
}

export async function drawPicture(order: PictureOrder): Promise<Buffer> {
  const { prompt, seed, width, height, denoised } = order;
  const print = sharp(Buffer.from(sceneSvg(prompt, seed, width, height)))
    .flatten()
    .composite([{ input: await grainTile(width, height), tile: true, blend: 'soft-light' }]);
  if (denoised >= 1) return encode(print, order.format, order.infotext);

  const noise = await latentNoise(seed, width, height, (1 - Math.max(0, denoised)) ** 1.25);
  const blurred = sharp(await print.removeAlpha().raw().toBuffer(), {
    raw: { width, height, channels: 3 },
  })
    .blur(0.4 + (1 - Math.max(0, denoised)) * 5)
    .composite([{ input: noise }]);
  return encode(blurred, order.format, order.infotext);
}

/** All pictures side by side in rows, as A1111 puts before the pictures with `return_grid`. */
export async function drawGrid(
  pictures: Buffer[],
  width: number,
  height: number,
  order: Pick<PictureOrder, 'format' | 'infotext'>,
): Promise<Buffer> {
  const columns = Math.ceil(Math.sqrt(pictures.length));
  const rows = Math.ceil(pictures.length / columns);
  const sheet = sharp({
    create: { width: width * columns, height: height * rows, channels: 3, background: '#000000' },
  }).composite(
    pictures.map((input, i) => ({
      input,
      left: (i % columns) * width,
      top: Math.floor(i / columns) * height,
    })),
  );
  return encode(sheet, order.format, order.infotext);
}

async function encode(image: Sharp, format: PictureFormat, infotext: string): Promise<Buffer> {
  const flat = image.removeAlpha();
  if (format === 'jpg') return flat.jpeg({ quality: 80 }).toBuffer();
  if (format === 'webp') return flat.webp({ quality: 80, effort: 2 }).toBuffer();
  const png = await flat.png({ compressionLevel: 2 }).toBuffer();
  return withPngText(png, 'parameters', infotext);
}
