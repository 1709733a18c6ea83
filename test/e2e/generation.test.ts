import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import sharp from 'sharp';
import type { GenerationAccepted } from '../../src/features/image-generation/image-generation.dto.js';
import { startDarkroom, type TestDarkroom } from '../support/darkroom.js';
import { eventually } from '../support/eventually.js';
import { onBothQueueEngines } from '../support/queue-engines.js';

const small = { prompt: 'a lighthouse at dusk', width: 128, height: 64, steps: 4, seed: 7 };

onBothQueueEngines('a generation', (engine) => {
  let darkroom: TestDarkroom;
  before(async () => {
    darkroom = await startDarkroom(engine);
  });
  after(() => darkroom.close());

  it('goes from the request to verified bytes in the object store', async () => {
    const posted = await darkroom.post('/api/v1/generate-image/', small);
    assert.equal(posted.status, 202);
    const accepted = (await posted.json()) as GenerationAccepted;
    assert.deepEqual(accepted, {
      task_id: accepted.task_id,
      status: 'PENDING',
      status_url: `/api/v1/generation-status/${accepted.task_id}`,
      seed: 7,
    });
    assert.equal(posted.headers.get('location'), accepted.status_url);

    const status = await darkroom.finished(accepted.task_id);
    assert.equal(status.status, 'SUCCESS');
    assert.equal(status.attempt, 1);
    assert.equal(status.progress.percent, 100);
    assert.equal(status.error, null);
    assert.equal(status.result?.engine, 'sketch');
    assert.equal(status.result.images.length, 1);
    const image = status.result.images[0]!;
    assert.equal(image.seed, 7);

    const picture = await darkroom.request(image.url);
    assert.equal(picture.headers.get('content-type'), 'image/png');
    const bytes = Buffer.from(await picture.arrayBuffer());
    assert.equal(bytes.length, image.bytes);
    assert.equal(createHash('sha256').update(bytes).digest('hex'), image.sha256);
    const { width, height } = await sharp(bytes).metadata();
    assert.deepEqual([width, height], [128, 64]);

    const [row] = await eventually('the upload is done', async () => {
      const rows = await darkroom.database.query(
        `SELECT * FROM generated_images WHERE id = $1 AND object_key IS NOT NULL`,
        [image.image_id],
      );
      return rows.length > 0 && rows;
    });
    const objects = join(darkroom.settings.dataDir, 'objects');
    assert.deepEqual(await readFile(join(objects, row.object_key)), bytes);
    const spool = await darkroom.database.query('SELECT FROM image_spool WHERE image_id = $1', [
      image.image_id,
    ]);
    assert.equal(spool.length, 0);
    const again = await darkroom.request(image.url);
    assert.deepEqual(Buffer.from(await again.arrayBuffer()), bytes);
    const thumbnail = await darkroom.request(image.thumbnail_url);
    assert.equal(thumbnail.headers.get('content-type'), 'image/webp');
    const thumbnailBytes = Buffer.from(await thumbnail.arrayBuffer());
    assert.equal((await sharp(thumbnailBytes).metadata()).format, 'webp');
    const notModified = await darkroom.request(image.url, {
      headers: { 'if-none-match': picture.headers.get('etag')! },
    });
    assert.equal(notModified.status, 304);
  });
});
