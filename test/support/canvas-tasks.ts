import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { defineTask } from '../../src/tasks/definitions/task-definition.js';
import { HandlesTask } from '../../src/tasks/definitions/task-handler.decorator.js';

const pair = z.strictObject({ a: z.number(), b: z.number() });

export const canvasAdd = defineTask({
  name: 'canvas_add',
  queue: 'normal_priority',
  payload: pair,
  result: z.number(),
});
export const canvasSum = defineTask({
  name: 'canvas_sum',
  queue: 'normal_priority',
  payload: z.array(z.number()),
  result: z.number(),
});

@Injectable()
export class CanvasHandlers {
  @HandlesTask(canvasAdd)
  async add({ a, b }: z.output<typeof pair>) {
    return a + b;
  }

  @HandlesTask(canvasSum)
  async sum(numbers: number[]) {
    return numbers.reduce((total, n) => total + n, 0);
  }
}
