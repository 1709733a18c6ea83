import { z } from 'zod';
import { isStorable } from '../../common/storable-text.js';
import { numberInQuery } from '../../infrastructure/http/number-in-query.js';
import { timeCursor, timeCursorOf } from '../../infrastructure/http/time-cursor.js';
import type { GeneratedImageEntity } from '../images/generated-image.entity.js';
import { imageResult, imageResultOf } from '../images/image-result.js';

const maxPage = 200;
/** Most pictures of one archive: their ids fit the body of a request. */
const maxArchive = 500;

const text = (max: number) =>
  z.string().min(1).max(max).refine(isStorable, 'contains a NUL or a broken character').optional();
const time = z.union([z.iso.datetime({ offset: true }), z.iso.date()]).optional();

export const galleryQuery = z.strictObject({
  q: text(200).describe(
    'Words of the prompt, in any of their forms. `"…"`: next to each other, `or`: one of them, `-`: without.',
  ),
  model: text(200),
  character_name: text(200),
  chat_id: text(200),
  from: time.describe('Made then or later; a date begins at midnight, UTC.'),
  to: time.describe('Made before that.'),
  favourite: z.enum(['true', 'false']).optional(),
  limit: numberInQuery(z.int().min(1).max(maxPage).default(50)).describe(
    `Most pictures in one answer; at most ${maxPage}.`,
  ),
  cursor: timeCursor.optional().describe('`next_cursor` of the answer before.'),
});
export type GalleryQuery = z.output<typeof galleryQuery>;

const galleryImage = z.strictObject({
  ...imageResult.shape,
  task_id: z.uuid(),
  prompt: z
    .string()
    .nullable()
    .describe('null: made before prompts were kept, and its task was deleted.'),
  negative_prompt: z.string().nullable(),
  model: z.string().nullable(),
  character_name: z.string().nullable(),
  chat_id: z.string().nullable(),
  favourite: z.boolean(),
  created_at: z.iso.datetime(),
});

export const gallery = z.strictObject({
  images: z.array(galleryImage).describe('The newest first.'),
  next_cursor: z.string().nullable().describe('null: there are no more.'),
});
export type Gallery = z.output<typeof gallery>;

export const downloadRequest = z
  .strictObject({
    image_ids: z
      .array(z.uuid().transform((id) => id.toLowerCase()))
      .min(1)
      .max(maxArchive)
      .describe('In the order of the archive; one that comes twice is there once.'),
  })
  .meta({ example: { image_ids: ['01890000-0000-7000-8000-000000000000'] } });
export type DownloadRequest = z.output<typeof downloadRequest>;

export function galleryOf(images: GeneratedImageEntity[], limit: number): Gallery {
  const page = images.slice(0, limit);
  const last = images.length > limit ? page.at(-1)! : null;
  return {
    images: page.map((image) => ({
      ...imageResultOf(image),
      task_id: image.taskId,
      prompt: image.prompt,
      negative_prompt: image.negativePrompt,
      model: image.model,
      character_name: image.characterName,
      chat_id: image.chatId,
      favourite: image.favourite,
      created_at: image.createdAt.toISOString(),
    })),
    next_cursor: last && timeCursorOf(last.createdAt, last.id),
  };
}
