import { z } from 'zod';
import { numberInQuery } from '../../infrastructure/http/number-in-query.js';
import type { StoredFile } from '../stored-files/stored-file.js';

const maxPage = 200;

export const uploadListQuery = z.strictObject({
  limit: numberInQuery(z.int().min(1).max(maxPage).default(50)).describe(
    `Most uploads in one answer; at most ${maxPage}.`,
  ),
  cursor: z.uuid().optional().describe('`next_cursor` of the answer before.'),
});
export type UploadListQuery = z.output<typeof uploadListQuery>;

export const shownUpload = z.strictObject({
  upload_id: z.uuid(),
  url: z.string(),
  width: z.int(),
  height: z.int(),
  content_type: z.string(),
  bytes: z.int().describe('Of the picture as it is kept, without its metadata.'),
  sha256: z.string(),
  created_at: z.iso.datetime(),
  expires_at: z.iso.datetime().nullable().describe('null: it stays until you delete it.'),
});
export type ShownUpload = z.output<typeof shownUpload>;

export const uploadList = z.strictObject({
  uploads: z.array(shownUpload).describe('The newest first.'),
  next_cursor: z.uuid().nullable().describe('null: there are no more.'),
});
export type UploadList = z.output<typeof uploadList>;

export function shownUploadOf(file: StoredFile): ShownUpload {
  return {
    upload_id: file.id,
    url: `/api/v1/uploads/${file.id}`,
    width: file.width!,
    height: file.height!,
    content_type: file.contentType,
    bytes: file.bytes,
    sha256: file.sha256.toString('hex'),
    created_at: file.createdAt.toISOString(),
    expires_at: file.expiresAt?.toISOString() ?? null,
  };
}
