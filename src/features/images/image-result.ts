import { z } from 'zod';
import type { GeneratedImageEntity } from './generated-image.entity.js';

/** A picture as answers show it. */
export const imageResult = z.strictObject({
  image_id: z.uuid(),
  url: z.string(),
  thumbnail_url: z.string(),
  width: z.int(),
  height: z.int(),
  content_type: z.enum(['image/png', 'image/jpeg', 'image/webp']),
  bytes: z.int(),
  sha256: z.string(),
  seed: z.int(),
  index: z.int(),
});
export type ImageResult = z.output<typeof imageResult>;

export function imageResultOf(image: GeneratedImageEntity): ImageResult {
  const url = `/api/v1/images/${image.id}`;
  return {
    image_id: image.id,
    url,
    thumbnail_url: `${url}?size=thumbnail`,
    width: image.width,
    height: image.height,
    content_type: image.contentType,
    bytes: image.bytes,
    sha256: image.sha256.toString('hex'),
    seed: Number(image.seed),
    index: image.index,
  };
}
