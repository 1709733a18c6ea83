import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import type { Transaction } from '../../../src/infrastructure/database/transaction.js';
import {
  PipelineNode,
  RouterNode,
  TaskNode,
  type AwaitedSending,
} from '../../../src/features/pipelines/pipeline-node.js';
import { completeWith } from '../../../src/tasks/definitions/task-context.js';
import { TaskClient } from '../../../src/tasks/sending/task-client.js';
import { translateTask } from './translate.task.js';

const words = z.strictObject({ words: z.array(z.string()) });
const text = z.strictObject({ text: z.string() });

const splitInput = z.strictObject({ review: text.loose() });

/** A plain node: it takes something and gives something. */
@Injectable()
export class SplitIntoWords extends PipelineNode<typeof splitInput, typeof words> {
  readonly input = splitInput;
  readonly output = words;

  async run({ review }: z.output<typeof splitInput>) {
    return { words: review.text.toLowerCase().match(/\p{L}+/gu) ?? [] };
  }
}

const languageInput = z.strictObject({ split: words });

/** A router chooses which branch goes on. */
@Injectable()
export class Language extends RouterNode<typeof languageInput, 'english' | 'other'> {
  readonly input = languageInput;
  readonly routes = ['english', 'other'] as const;

  async route({ split }: z.output<typeof languageInput>) {
    return split.words.includes('the') ? 'english' : 'other';
  }
}

const translateInput = z.strictObject({ review: text.loose() });

/** A node that sends a task and waits for it. Meanwhile it needs no worker. */
@Injectable()
export class Translate extends TaskNode<typeof translateInput> {
  readonly input = translateInput;
  readonly task = translateTask;

  constructor(private readonly tasks: TaskClient) {
    super();
  }

  async send(
    tx: Transaction,
    { review }: z.output<typeof translateInput>,
    sending: AwaitedSending,
  ) {
    await this.tasks.send(tx, translateTask, { text: review.text }, sending);
  }
}

const keepInput = z.strictObject({
  review: z.looseObject({ image_id: z.uuid(), text: z.string() }),
  translated: text.nullable(),
});

/** A node that writes rows: they are committed together with its own end, so they are written once. */
@Injectable()
export class KeepReview extends PipelineNode<typeof keepInput, typeof text> {
  readonly input = keepInput;
  readonly output = text;

  async run({ review, translated }: z.output<typeof keepInput>) {
    const kept = translated?.text ?? review.text;
    return completeWith(async (tx) => {
      const sql = 'INSERT INTO picture_reviews (image_id, text) VALUES ($1, $2)';
      await tx.query(sql, [review.image_id, kept]);
      return { text: kept };
    });
  }
}
