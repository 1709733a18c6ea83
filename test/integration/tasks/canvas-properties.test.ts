import { randomInt } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import * as fc from 'fast-check';
import { z } from 'zod';
import type { Json } from '../../../src/common/json.js';
import { Canvas, GroupCanvas } from '../../../src/tasks/canvas/canvas.js';
import { chain, chord, group, s, si } from '../../../src/tasks/canvas/signatures.js';
import type { TaskContext } from '../../../src/tasks/definitions/task-context.js';
import { defineTask } from '../../../src/tasks/definitions/task-definition.js';
import {
  PermanentTaskError,
  RetryableTaskError,
} from '../../../src/tasks/definitions/task-errors.js';
import { HandlesTask } from '../../../src/tasks/definitions/task-handler.decorator.js';
import { TaskEntity } from '../../../src/tasks/ledger/task.entity.js';
import { eventually } from '../../support/eventually.js';
import { onBothQueueEngines } from '../../support/on-both-queue-engines.js';
import { openTaskLab, type TaskLab } from '../../support/task-lab.js';
import {
  anyCanvas,
  maxRetries,
  reference,
  resultOfLeaf,
  type ModelNode,
  type Outcome,
} from './canvas-model.js';

const leaf = defineTask({
  name: 'leaf',
  queue: 'normal_priority',
  payload: z.strictObject({
    takes: z.boolean(),
    hiccups: z.int(),
    broken: z.boolean(),
    input: z.json(),
  }),
  result: z.json(),
  retry: { max: maxRetries, delayMs: 0 },
});
const called = defineTask({
  name: 'called',
  queue: 'normal_priority',
  payload: z.json(),
  result: z.null(),
});

@Injectable()
class Handlers {
  @HandlesTask(leaf)
  async leaf(what: z.output<typeof leaf.payload>, { attempt }: TaskContext): Promise<Json> {
    if (what.broken) throw new PermanentTaskError('broken', 'It is broken.');
    if (attempt <= what.hiccups) throw new RetryableTaskError('hiccup', 'Not this time.');
    return resultOfLeaf(what.takes, what.input);
  }

  @HandlesTask(called)
  async called() {
    return null;
  }
}

/** The type of a random canvas is not known when this compiles. */
type Random = Canvas<unknown, Json>;

function canvasOf(node: ModelNode): Random {
  const canvas = bareCanvasOf(node);
  const linked = node.callbacks.success ? canvas.link(s(called)) : canvas;
  return node.callbacks.failure ? linked.linkError(s(called)) : linked;
}

function bareCanvasOf(node: ModelNode): Random {
  switch (node.kind) {
    case 'leaf': {
      const { takes, hiccups, broken } = node;
      return takes
        ? (s(leaf, 'input', { takes, hiccups, broken }) as Random)
        : si(leaf, { takes, hiccups, broken, input: null });
    }
    case 'chain':
      return chain(...node.children.map(canvasOf));
    case 'group':
      return group(...node.children.map(canvasOf));
    case 'chord': {
      const [header, body] = node.children.map(canvasOf);
      return chord(header as unknown as GroupCanvas<unknown, Json[]>, body!);
    }
  }
}

/** What the ledger says of a node, in the words of the model. */
function outcomeOf(node: TaskEntity, all: TaskEntity[]): Outcome {
  const below = all.filter((task) => task.parentId === node.id);
  const parts = below.filter((task) => task.position !== null);
  return {
    kind: node.kind === 'task' ? 'leaf' : node.kind,
    state: node.state,
    code: node.error?.code ?? null,
    result: node.result as Json,
    children: parts
      .toSorted((a, b) => a.position! - b.position!)
      .map((part) => outcomeOf(part, all)),
    called: below.length - parts.length,
  };
}

/** In all; `npm run test:chaos` makes it a thousand. */
const canvases = Number(process.env['DARKROOM_TEST_CANVASES'] ?? 200);
/** The queue in Postgres is the slower one. */
const cases = { postgres: canvases / 4, redis: (canvases * 3) / 4 };
const together = 50;

onBothQueueEngines('random canvases', (engine) => {
  let lab: TaskLab;
  beforeAll(async () => {
    lab = await openTaskLab(engine, {
      providers: [Handlers],
      serve: ['normal_priority'],
      settings: { workerConcurrency: 10 },
    });
  });
  afterAll(() => lab.close());

  /** A first step whose result every canvas gets, as a step before it would give it. */
  const first = { kind: 'leaf', takes: false, hiccups: 0, broken: false } as const;
  const whole = (node: ModelNode): ModelNode => ({
    kind: 'chain',
    children: [{ ...first, callbacks: { success: false, failure: false } }, node],
    callbacks: { success: false, failure: false },
  });

  const endOf = async (root: string): Promise<Outcome> => {
    const all = await eventually(`canvas ${root} is over`, async () => {
      const tasks = await lab.database.manager.findBy(TaskEntity, { canvasId: root });
      return tasks.every((task) => task.finishedAt !== null) && tasks;
    });
    return outcomeOf(
      all.find((task) => task.id === root)!,
      all,
    );
  };

  it(`${cases[engine]} of them end as the reference model says`, async () => {
    const seed = Number(process.env['DARKROOM_TEST_SEED'] ?? randomInt(2 ** 31));
    process.stderr.write(`DARKROOM_TEST_SEED=${seed}\n`);
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyCanvas, { minLength: together, maxLength: together }),
        async (nodes) => {
          const canvases = nodes.map(whole);
          const ids = await Promise.all(canvases.map((node) => lab.sendCanvas(canvasOf(node))));
          for (const [i, id] of ids.entries()) {
            expect(await endOf(id)).toEqual(reference(canvases[i]!, null));
          }
        },
      ),
      { seed, numRuns: cases[engine] / together, endOnFailure: true },
    );
  });
});
