import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { PipelineNode, RouterNode } from '../pipelines/pipeline-node.js';

export const refusal = z.strictObject({ code: z.string(), message: z.string() });
const nothing = z.strictObject({});
const sent = z.strictObject({ task_id: z.uuid().nullable() });
const failed = z.strictObject({ error: refusal });

type Route = 'begun' | 'rejected';

/**
 * Whether there was a generation that failed. What follows that is the same as for any other one; a request that was
 * refused, for want of credits say, has nobody yet who tells of it.
 */
@Injectable()
export class FailureRouter extends RouterNode<typeof sent, Route> {
  readonly input = sent;
  readonly routes: readonly Route[] = ['begun', 'rejected'];

  async route({ task_id }: z.output<typeof sent>): Promise<Route> {
    return task_id === null ? 'rejected' : 'begun';
  }
}

/** Says what the user is told of a request that the safety rules refuse: not which rule. */
@Injectable()
export class UnsafeNode extends PipelineNode<typeof nothing, typeof refusal> {
  readonly input = nothing;
  readonly output = refusal;

  async run() {
    return { code: 'request_refused', message: 'Such a picture is not made here.' };
  }
}

/** Says what the user is told of a request that was refused before there was a generation. */
@Injectable()
export class RejectedNode extends PipelineNode<typeof failed, typeof refusal> {
  readonly input = failed;
  readonly output = refusal;

  async run({ error }: z.output<typeof failed>) {
    return error;
  }
}
