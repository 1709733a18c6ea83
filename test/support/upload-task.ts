import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { defineTask } from '../../src/tasks/definitions/task-definition.js';
import { PermanentTaskError } from '../../src/tasks/definitions/task-errors.js';
import { HandlesTask } from '../../src/tasks/definitions/task-handler.decorator.js';

/** One of the features' tasks, which the command line knows; here with a handler of the test. */
export const upload = defineTask({
  name: 'upload_to_cloud_task',
  queue: 'normal_priority',
  payload: z.strictObject({ image_id: z.uuid() }),
  result: z.strictObject({ object_key: z.string(), thumbnail_key: z.string() }).nullable(),
});
export const missing = '00000000-0000-4000-8000-000000000000';
export const there = '11111111-1111-4111-8111-111111111111';
export const stored = { object_key: 'images/1.png', thumbnail_key: 'thumbnails/1.webp' };
export const later = { delayMs: 3_600_000 };
/** BullMQ's worker on Postgres holds its process until the next delayed job is due: not in its queue. */
export const elsewhere = { ...later, queue: 'low_priority' as const };

@Injectable()
export class UploadHandlers {
  @HandlesTask(upload)
  async upload({ image_id }: z.output<typeof upload.payload>) {
    if (image_id === missing) throw new PermanentTaskError('no_image', 'There is no such image.');
    return stored;
  }
}
