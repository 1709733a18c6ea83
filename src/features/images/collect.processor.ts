import { Injectable } from '@nestjs/common';
import type { TaskContext } from '../../tasks/definitions/task-context.js';
import { RetryableTaskError } from '../../tasks/definitions/task-errors.js';
import { HandlesTask } from '../../tasks/definitions/task-handler.decorator.js';
import { StorageError } from '../storage/object-storage.js';
import { collectObjectsTask } from './images.tasks.js';
import { LostUploads } from './lost-uploads.js';
import { ObjectCollector } from './object-collector.js';

@Injectable()
export class CollectProcessor {
  constructor(
    private readonly collector: ObjectCollector,
    private readonly lost: LostUploads,
  ) {}

  @HandlesTask(collectObjectsTask)
  async collect(_payload: null, { signal }: TaskContext) {
    const resent = await this.lost.resend(signal);
    try {
      return { ...(await this.collector.collect(signal)), resent };
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      throw new RetryableTaskError(error.code, error.message, { cause: error });
    }
  }
}
