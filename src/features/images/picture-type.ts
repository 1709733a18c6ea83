import type { ImageContentType } from './generated-image.entity.js';

/** The type of a picture by its first bytes, whatever anybody says about it; null: it is none that we keep. */
export function pictureTypeOf(bytes: Buffer): ImageContentType | null {
  if (bytes.subarray(0, 8).equals(Buffer.from('89504e470d0a1a0a', 'hex'))) return 'image/png';
  if (bytes.subarray(0, 3).equals(Buffer.from('ffd8ff', 'hex'))) return 'image/jpeg';
  const webp =
    bytes.toString('latin1', 0, 4) === 'RIFF' && bytes.toString('latin1', 8, 12) === 'WEBP';
  return webp ? 'image/webp' : null;
}
