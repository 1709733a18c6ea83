import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { completeWith } from '../../tasks/definitions/task-context.js';
import { EventDocuments } from '../event-search/event-documents.js';
import { PipelineNode, type NodeContext } from './pipeline-node.js';

const input = z.strictObject({});
const output = z.strictObject({ version: z.int() });

/** Makes the event searchable. Every pipeline ends with it. */
@Injectable()
export class ElasticsearchIndexNode extends PipelineNode<typeof input, typeof output> {
  readonly input = input;
  readonly output = output;

  constructor(private readonly documents: EventDocuments) {
    super();
  }

  async run(_: z.output<typeof input>, { event, outputs }: NodeContext) {
    return completeWith(async (tx) => ({
      version: await this.documents.put(tx, { eventId: event.id, outputs }),
    }));
  }
}
