import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { pause } from '../../src/common/deadline.js';
import { completeWith, type TaskContext } from '../../src/tasks/definitions/task-context.js';
import { defineTask } from '../../src/tasks/definitions/task-definition.js';
import { HandlesTask } from '../../src/tasks/definitions/task-handler.decorator.js';

/** Takes its time, and leaves a row in `lingered`. */
export const linger = defineTask({
  name: 'linger',
  queue: 'normal_priority',
  payload: z.object({ ms: z.number() }),
  result: z.null(),
});

export const lingerTable = 'CREATE TABLE lingered (task uuid)';

@Injectable()
export class LingerHandlers {
  @HandlesTask(linger)
  async linger({ ms }: z.output<typeof linger.payload>, { taskId, signal }: TaskContext) {
    await pause(ms, signal);
    signal.throwIfAborted();
    return completeWith(async (tx) => {
      await tx.query('INSERT INTO lingered VALUES ($1)', [taskId]);
      return null;
    });
  }
}
