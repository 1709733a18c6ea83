import { Injectable, type Provider } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import { EventSearchWorkerModule } from '../../src/features/event-search/event-search-worker.module.js';
import { EventStoreModule } from '../../src/features/pipelines/event-store.module.js';
import { PipelinesWorkerModule } from '../../src/features/pipelines/pipelines-worker.module.js';
import { defineEvent } from '../../src/features/pipelines/event-type.js';
import { definePipeline } from '../../src/features/pipelines/pipeline-definition.js';
import {
  PipelineNode,
  RouterNode,
  TaskNode,
  type AwaitedSending,
  type NodeContext,
} from '../../src/features/pipelines/pipeline-node.js';
import type { Transaction } from '../../src/infrastructure/database/transaction.js';
import { completeWith, type TaskContext } from '../../src/tasks/definitions/task-context.js';
import { defineTask, type Payload } from '../../src/tasks/definitions/task-definition.js';
import { PermanentTaskError } from '../../src/tasks/definitions/task-errors.js';
import { HandlesTask } from '../../src/tasks/definitions/task-handler.decorator.js';
import { TaskClient } from '../../src/tasks/sending/task-client.js';

/** A pipeline for tests that has every kind of node. What its nodes do is said by the event. */

export const storyEvent = defineEvent({
  type: 'test_story',
  description: 'A story is told.',
  data: z.strictObject({
    hero: z.string(),
    mood: z.enum(['calm', 'wild', 'unheard of']).default('calm'),
    /** How often the node `flaky` fails; -1: for good. */
    failures: z.int().default(0),
    /** What becomes of the task of `ask`. */
    task: z.enum(['succeed', 'fail', 'hang']).default('succeed'),
    /** What becomes of `left`. */
    left: z.enum(['tell', 'fail', 'hang', 'nonsense', 'huge']).default('tell'),
  }),
});

export const askTask = defineTask({
  name: 'test_ask',
  queue: 'low_priority',
  payload: z.strictObject({ how: z.enum(['succeed', 'fail', 'hang']) }),
  result: z.strictObject({ answer: z.string() }),
  retry: { max: 0 },
});

const story = storyEvent.data;
const told = z.strictObject({ text: z.string() });

/** Writes what each node has done into the table of the test, in the transaction of its row. */
export async function writeEffect(tx: Transaction, { key }: NodeContext): Promise<void> {
  await tx.query('INSERT INTO story_effects (key) VALUES ($1)', [key]);
}

const beginInput = z.strictObject({ story });
@Injectable()
export class Begin extends PipelineNode<typeof beginInput, typeof told> {
  readonly input = beginInput;
  readonly output = told;

  async run({ story: { hero } }: z.output<typeof beginInput>, context: NodeContext) {
    return completeWith(async (tx) => {
      await writeEffect(tx, context);
      return { text: `Once there was ${hero}.` };
    });
  }
}

const moodInput = z.strictObject({ story, begin: told });
@Injectable()
export class Mood extends RouterNode<typeof moodInput, 'calm' | 'wild'> {
  readonly input = moodInput;
  readonly routes = ['calm', 'wild'] as const;

  async route({ story: { mood } }: z.output<typeof moodInput>) {
    return mood as 'calm' | 'wild';
  }
}

@Injectable()
export class Left extends PipelineNode<typeof beginInput, typeof told> {
  readonly input = beginInput;
  readonly output = told;

  async run({ story: { left } }: z.output<typeof beginInput>, { signal }: NodeContext) {
    if (left === 'fail') throw new PermanentTaskError('left_broken', 'It is broken.');
    if (left === 'hang') await new Promise((_, no) => signal.addEventListener('abort', no));
    if (left === 'nonsense') return { words: 1 } as never;
    return { text: left === 'huge' ? 'x'.repeat(200_000) : 'left' };
  }
}

@Injectable()
export class Flaky extends PipelineNode<typeof beginInput, typeof told> {
  readonly input = beginInput;
  readonly output = told;

  async run({ story: { failures } }: z.output<typeof beginInput>, { attempt }: NodeContext) {
    if (failures < 0) throw new PermanentTaskError('flaky_broken', 'It is broken.');
    if (attempt <= failures) throw new Error('a secret reason');
    return { text: `after ${attempt - 1}` };
  }
}

const askInput = z.strictObject({ story, begin: told });
@Injectable()
export class Ask extends TaskNode<typeof askInput> {
  readonly input = askInput;
  readonly task = askTask;

  constructor(private readonly tasks: TaskClient) {
    super();
  }

  async send(
    tx: Transaction,
    { story: { task: how } }: z.output<typeof askInput>,
    sending: AwaitedSending,
    context: NodeContext,
  ) {
    await writeEffect(tx, context);
    await this.tasks.send(tx, askTask, { how }, sending);
  }
}

const branchInput = z.strictObject({ begin: told });
@Injectable()
export class Rest extends PipelineNode<typeof branchInput, typeof told> {
  readonly input = branchInput;
  readonly output = told;

  async run() {
    return { text: 'rests' };
  }
}

@Injectable()
export class Run extends PipelineNode<typeof branchInput, typeof told> {
  readonly input = branchInput;
  readonly output = told;

  async run() {
    return { text: 'runs' };
  }
}

const excuseInput = z.strictObject({
  why: z.strictObject({ code: z.string(), message: z.string() }),
});
@Injectable()
export class Excuse extends PipelineNode<typeof excuseInput, typeof told> {
  readonly input = excuseInput;
  readonly output = told;

  async run({ why }: z.output<typeof excuseInput>) {
    return { text: `sorry: ${why.code}` };
  }
}

const endInput = z.strictObject({
  branch: told,
  left: told,
  flaky: told.nullable(),
  answer: z.strictObject({ answer: z.string() }).nullable(),
});
@Injectable()
export class End extends PipelineNode<typeof endInput, typeof told> {
  readonly input = endInput;
  readonly output = told;

  async run({ branch, left, flaky, answer }: z.output<typeof endInput>, context: NodeContext) {
    const parts = [
      branch.text,
      left.text,
      flaky?.text ?? 'no flaky',
      answer?.answer ?? 'no answer',
    ];
    return completeWith(async (tx) => {
      await writeEffect(tx, context);
      return { text: parts.join(', ') };
    });
  }
}

const quick = { delayMs: 20, jitter: 0 };

export const storyPipeline = definePipeline({
  name: 'test_story_pipeline',
  description: 'Tells a story.',
  event: storyEvent,
  nodes(graph, data) {
    const begin = graph.node('begin', Begin, { story: data });
    const mood = graph.router('mood', Mood, { story: data, begin });
    const rest = graph.node('rest', Rest, { begin }, { when: mood.is('calm') });
    const run = graph.node('run', Run, { begin }, { when: mood.is('wild') });
    const left = graph.node(
      'left',
      Left,
      { story: data },
      { retry: quick, timeoutMs: 2_000, after: [begin] },
    );
    const flaky = graph.node(
      'flaky',
      Flaky,
      { story: data },
      { retry: quick, onError: 'skip', after: [begin] },
    );
    const ask = graph.task('ask', Ask, { story: data, begin }, { onError: 'branch' });
    graph.node('excuse', Excuse, { why: ask.error }, { when: ask.failed });
    graph.node('end', End, {
      branch: graph.first(rest, run),
      left,
      flaky: flaky.orNull,
      answer: ask.orNull,
    });
  },
});

@Injectable()
class AskHandler {
  @HandlesTask(askTask)
  async ask({ how }: Payload<typeof askTask>, { signal }: TaskContext) {
    if (how === 'fail') throw new PermanentTaskError('no_answer', 'Nobody knows.');
    if (how === 'hang') await new Promise((_, no) => signal.addEventListener('abort', no));
    return { answer: '42' };
  }
}

/** The nodes, and what handles their task. */
export const storyNodes: Provider[] = [
  AskHandler,
  Begin,
  Mood,
  Left,
  Flaky,
  Ask,
  Rest,
  Run,
  Excuse,
  End,
];

/** What a lab needs to run the pipeline. */
export const storyLab = {
  providers: storyNodes,
  modules: [PipelinesWorkerModule, EventSearchWorkerModule, EventStoreModule],
};

export async function makeStoryTable(database: DataSource): Promise<void> {
  await database.query('CREATE TABLE IF NOT EXISTS story_effects (key text NOT NULL)');
}
