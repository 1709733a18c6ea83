import { NestFactory } from '@nestjs/core';
import { DataSource } from 'typeorm';
import sharp from 'sharp';
import { v7 as uuidv7 } from 'uuid';
import { GeneratedImageEntity } from '../../src/features/images/generated-image.entity.js';
import { ImageStore } from '../../src/features/images/image-store.js';
import { UploadedPictures } from '../../src/features/images/uploaded-pictures.js';
import { TaskHistory } from '../../src/tasks/history/task-history.js';
import { TaskClient } from '../../src/tasks/sending/task-client.js';
import { TasksModule } from '../../src/tasks/tasks.module.js';
import type { Site } from '../support/site.js';

/** A picture of noise: it cannot be compressed, so it is as large as pictures get. */
export async function largePicture(side: number): Promise<Buffer> {
  const noise = { type: 'gaussian' as const, mean: 128, sigma: 90 };
  const create = { width: side, height: side, channels: 3 as const, background: 'grey', noise };
  return sharp({ create }).png().toBuffer();
}

/** Puts pictures into the spool, each with its upload, as the end of a generation does. */
export async function openSpool({ env }: Site) {
  const app = await NestFactory.createApplicationContext(
    TasksModule.forProducer({
      databaseUrl: env['DATABASE_URL']!,
      queueUrl: env['QUEUE_URL']!,
      entities: [GeneratedImageEntity],
    }),
    { logger: false },
  );
  const database = app.get(DataSource);
  const uploaded = new UploadedPictures(app.get(TaskHistory, { strict: false }));
  const images = new ImageStore(database, app.get(TaskClient, { strict: false }), uploaded);
  const ownerId = uuidv7();
  return {
    add: async (bytes: Buffer, side: number): Promise<void> => {
      const picture = { bytes, contentType: 'image/png' as const, width: side, height: side };
      const task = {
        taskId: uuidv7(),
        ownerId,
        correlationId: null,
        prompt: 'noise',
        negativePrompt: '',
        model: null,
        characterName: null,
        chatId: null,
      };
      await database.transaction((tx) => images.add(tx, task, [{ ...picture, seed: 1 }]));
    },
    close: () => app.close(),
  };
}
