import { Injectable } from '@nestjs/common';
import type { Payload } from '../../tasks/definitions/task-definition.js';
import { HandlesTask } from '../../tasks/definitions/task-handler.decorator.js';
import { addNumbersTask } from './calculate.tasks.js';

@Injectable()
export class CalculateProcessor {
  @HandlesTask(addNumbersTask)
  async add({ x, y }: Payload<typeof addNumbersTask>) {
    return x + y;
  }
}
