import sharp from 'sharp';

/** Longest side in pixels. */
const size = 384;

/** A WebP that fits a square of 384 pixels. sharp works in its own threads. */
export async function makeThumbnail(picture: Buffer): Promise<Buffer> {
  return sharp(picture, { limitInputPixels: 2048 * 2048 })
    .resize(size, size, { fit: 'inside', withoutEnlargement: true })
    .webp({ quality: 80 })
    .toBuffer();
}
