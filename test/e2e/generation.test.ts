import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import sharp from 'sharp';
import type { GenerationAccepted } from '../../src/features/image-generation/image-generation.dto.js';
import { startDarkroom, type TestDarkroom } from '../support/darkroom.js';
import { eventually } from '../support/eventually.js';
import { onBothQueueEngines } from '../support/on-both-queue-engines.js';

const small = { prompt: 'a lighthouse at dusk', width: 128, height: 64, steps: 4, seed: 7 };

onBothQueueEngines('a generation', (engine) => {
  let darkroom: TestDarkroom;
  beforeAll(async () => {
    darkroom = await startDarkroom(engine);
  });
  afterAll(() => darkroom.close());

  it('goes from the request to verified bytes in the object store', async () => {
    const posted = await darkroom.post('/api/v1/generate-image/', small);
    expect(posted.status).toBe(202);
    const accepted = (await posted.json()) as GenerationAccepted;
    expect(accepted).toEqual({
      task_id: accepted.task_id,
      status: 'PENDING',
      status_url: `/api/v1/generation-status/${accepted.task_id}`,
      priority: 'normal',
      seed: 7,
    });
    expect(posted.headers.get('location')).toBe(accepted.status_url);

    const status = await darkroom.finished(accepted.task_id);
    expect(status.status).toBe('SUCCESS');
    expect(status.attempt).toBe(1);
    expect(status.progress.percent).toBe(100);
    expect(status.error).toBe(null);
    expect(status.result?.engine).toBe('sketch');
    expect(status.result?.images.length).toBe(1);
    const image = status.result!.images[0]!;
    expect(image.seed).toBe(7);

    const picture = await darkroom.request(image.url);
    expect(picture.headers.get('content-type')).toBe('image/png');
    const bytes = Buffer.from(await picture.arrayBuffer());
    expect(bytes.length).toBe(image.bytes);
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(image.sha256);
    const { width, height } = await sharp(bytes).metadata();
    expect([width, height]).toEqual([128, 64]);

    const [row] = await eventually('the upload is done', async () => {
      const rows = await darkroom.database.query(
        `SELECT * FROM generated_images WHERE id = $1 AND object_key IS NOT NULL`,
        [image.image_id],
      );
      return rows.length > 0 && rows;
    });
    const objects = join(darkroom.settings.dataDir, 'objects');
    expect(await readFile(join(objects, row.object_key))).toEqual(bytes);
    const spool = await darkroom.database.query('SELECT FROM image_spool WHERE image_id = $1', [
      image.image_id,
    ]);
    expect(spool.length).toBe(0);
    const again = await darkroom.request(image.url);
    expect(Buffer.from(await again.arrayBuffer())).toEqual(bytes);
    const thumbnail = await darkroom.request(image.thumbnail_url);
    expect(thumbnail.headers.get('content-type')).toBe('image/webp');
    const thumbnailBytes = Buffer.from(await thumbnail.arrayBuffer());
    expect((await sharp(thumbnailBytes).metadata()).format).toBe('webp');
    const notModified = await darkroom.request(image.url, {
      headers: { 'if-none-match': picture.headers.get('etag')! },
    });
    expect(notModified.status).toBe(304);
  });
});
