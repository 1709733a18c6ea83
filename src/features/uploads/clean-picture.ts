import sharp, { type Sharp } from 'sharp';
import type { ImageContentType } from '../images/generated-image.entity.js';
import { pictureTypeOf } from '../images/picture-type.js';
import { InvalidPictureError } from './uploads.errors.js';

const longestSide = 8_192;
/** For decoding and encoding. */
const patienceSeconds = 30;
/** Decoded, a picture needs up to four bytes for each pixel. */
export const mostPixels = 40_000_000;

export interface CleanPicture {
  bytes: Buffer;
  contentType: ImageContentType;
  extension: string;
  width: number;
  height: number;
}

const encoded: Record<ImageContentType, { extension: string; encode: (picture: Sharp) => Sharp }> =
  {
    'image/png': { extension: 'png', encode: (picture) => picture.png() },
    'image/jpeg': { extension: 'jpg', encode: (picture) => picture.jpeg({ quality: 95 }) },
    'image/webp': { extension: 'webp', encode: (picture) => picture.webp({ quality: 95 }) },
  };

/**
 * Makes a new file of the pixels of a picture. So whatever else the file holds is gone: EXIF with the place where it
 * was taken, profiles, a page behind the end. It is turned upright first, and has the colours of sRGB. Of an animation
 * only the first picture stays.
 *
 * sharp works in its own threads.
 *
 * @throws InvalidPictureError
 */
export async function cleanPicture(bytes: Buffer): Promise<CleanPicture> {
  const contentType = pictureTypeOf(bytes);
  if (contentType === null) throw new InvalidPictureError('is not a PNG, JPEG or WebP');
  await refuseLarge(bytes);
  const { extension, encode } = encoded[contentType];
  const picture = sharp(bytes, { limitInputPixels: mostPixels, failOn: 'error' }).autoOrient();
  const { data, info } = await readable(() =>
    encode(picture).timeout({ seconds: patienceSeconds }).toBuffer({ resolveWithObject: true }),
  );
  return { bytes: data, contentType, extension, width: info.width, height: info.height };
}

/** Reads the header only. @throws InvalidPictureError */
async function refuseLarge(bytes: Buffer): Promise<void> {
  const { width, height } = await readable(() =>
    sharp(bytes, { limitInputPixels: false }).metadata(),
  );
  if (width <= longestSide && height <= longestSide && width * height <= mostPixels) return;
  throw new InvalidPictureError(
    `has ${width}×${height} pixels; allowed are sides of ${longestSide} and ${mostPixels} in all`,
  );
}

async function readable<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw new InvalidPictureError('cannot be decoded', error);
  }
}
