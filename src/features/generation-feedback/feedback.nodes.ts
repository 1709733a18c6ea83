import { Inject, Injectable } from '@nestjs/common';
import { z } from 'zod';
import { findWord } from '../../common/find-word.js';
import { SETTINGS, type Settings } from '../../config/config.module.js';
import { completeWith } from '../../tasks/definitions/task-context.js';
import { PermanentTaskError } from '../../tasks/definitions/task-errors.js';
import { PipelineNode, RouterNode, type NodeContext } from '../pipelines/pipeline-node.js';
import { FeedbackRows } from './feedback-rows.js';
import { feedback } from './generation-feedback.event.js';

const given = z.strictObject({ feedback });
const generation = z.strictObject({ ownerId: z.uuid(), taskId: z.uuid(), model: z.string() });
const rated = z.strictObject({ feedback, generation });
const ofGeneration = z.strictObject({ generation });
const stored = z.strictObject({ stored: z.boolean() });
const figures = z.strictObject({ ratings: z.int(), mean: z.number().nullable() });
const nothing = z.strictObject({});

/** Finds the generation, which must be the sender's and have made a picture. */
@Injectable()
export class GenerationNode extends PipelineNode<typeof given, typeof generation> {
  readonly input = given;
  readonly output = generation;

  constructor(private readonly rows: FeedbackRows) {
    super();
  }

  async run({ feedback: { task_id } }: z.output<typeof given>, { event }: NodeContext) {
    const found =
      event.ownerId === null ? undefined : await this.rows.generation(event.ownerId, task_id);
    if (found) return found;
    throw new PermanentTaskError(
      'unknown_generation',
      'You have no generation of this id that has made a picture.',
    );
  }
}

/** Keeps the feedback, in the place of an earlier one of the generation. */
@Injectable()
export class StoreFeedbackNode extends PipelineNode<typeof rated, typeof stored> {
  readonly input = rated;
  readonly output = stored;

  constructor(private readonly rows: FeedbackRows) {
    super();
  }

  async run(input: z.output<typeof rated>, { event }: NodeContext) {
    return completeWith(async (tx) => ({
      stored: await this.rows.put(tx, input.generation, input.feedback, event),
    }));
  }
}

/** How the model is rated now. */
@Injectable()
export class ModelFiguresNode extends PipelineNode<typeof ofGeneration, typeof figures> {
  readonly input = ofGeneration;
  readonly output = figures;

  constructor(private readonly rows: FeedbackRows) {
    super();
  }

  async run({ generation: { model } }: z.output<typeof ofGeneration>) {
    const { ratings = 0, mean = null } = (await this.rows.ofModel(model)) ?? {};
    return { ratings, mean };
  }
}

type Route = 'flagged' | 'fine';
/** This rating and those below it are looked at. */
const lowRating = 2;

/** Whether somebody should look at it. */
@Injectable()
export class FlagRouter extends RouterNode<typeof given, Route> {
  readonly input = given;
  readonly routes: readonly Route[] = ['flagged', 'fine'];

  constructor(@Inject(SETTINGS) private readonly settings: Pick<Settings, 'blockedWords'>) {
    super();
  }

  async route({ feedback: { rating, text = '' } }: z.output<typeof given>): Promise<Route> {
    const bad = rating <= lowRating || findWord(text, this.settings.blockedWords) !== undefined;
    return bad ? 'flagged' : 'fine';
  }
}

/** Puts it on the list for admins. */
@Injectable()
export class FlagNode extends PipelineNode<typeof ofGeneration, typeof nothing> {
  readonly input = ofGeneration;
  readonly output = nothing;

  constructor(private readonly rows: FeedbackRows) {
    super();
  }

  async run({ generation: { ownerId, taskId } }: z.output<typeof ofGeneration>, ctx: NodeContext) {
    return completeWith(async (tx) => {
      await this.rows.flag(tx, ctx.event.id, ownerId, taskId);
      return {};
    });
  }
}
