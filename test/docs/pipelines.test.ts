import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { EventSearchWorkerModule } from '../../src/features/event-search/event-search-worker.module.js';
import { EventStoreModule } from '../../src/features/pipelines/event-store.module.js';
import { PipelinesWorkerModule } from '../../src/features/pipelines/pipelines-worker.module.js';
import { EventStore } from '../../src/features/pipelines/event-store.js';
import { inTransaction } from '../../src/infrastructure/database/transaction.js';
import type { Payload } from '../../src/tasks/definitions/task-definition.js';
import { HandlesTask } from '../../src/tasks/definitions/task-handler.decorator.js';
import { openTaskLab, type TaskLab } from '../support/task-lab.js';
import {
  KeepReview,
  Language,
  SplitIntoWords,
  Translate,
} from './picture-review/picture-review.nodes.js';
import { pictureReviewPipeline } from './picture-review/picture-review.pipeline.js';
import { translateTask } from './picture-review/translate.task.js';

@Injectable()
class Translator {
  @HandlesTask(translateTask)
  async translate({ text }: Payload<typeof translateTask>) {
    if (text.includes('?')) throw new Error('no translator');
    return { text: `${text} (translated)` };
  }
}

describe('the pipeline of docs/pipelines.md', () => {
  let lab: TaskLab;
  beforeAll(async () => {
    lab = await openTaskLab('postgres', {
      modules: [PipelinesWorkerModule, EventSearchWorkerModule, EventStoreModule],
      providers: [Translator, SplitIntoWords, Language, Translate, KeepReview],
    });
    await lab.database.query('CREATE TABLE picture_reviews (image_id uuid, text text)');
  });
  afterAll(() => lab.close());

  async function process(text: string) {
    const [id, runId, imageId] = [uuidv7(), uuidv7(), uuidv7()];
    const of = { ownerId: null, sourceId: null, producerId: null, correlationId: null };
    const { name } = pictureReviewPipeline;
    const data = { image_id: imageId, text };
    const wanted = { id, runId, type: 'picture_review', pipeline: name, data, ...of };
    await inTransaction(lab.database, (tx) => lab.get(EventStore).add(tx, [wanted]));
    const { state } = await lab.finished(runId);
    const sql = 'SELECT text FROM picture_reviews WHERE image_id = $1';
    const kept = await lab.database.query<{ text: string }[]>(sql, [imageId]);
    return { state, kept: kept.map((row) => row.text) };
  }

  it('keeps a review in English as it is, and others translated', async () => {
    expect(await process('I like the sky.')).toEqual({
      state: 'SUCCESS',
      kept: ['I like the sky.'],
    });
    const translated = { state: 'SUCCESS', kept: ['Mir gefällt es. (translated)'] };
    expect(await process('Mir gefällt es.')).toEqual(translated);
  });
});
