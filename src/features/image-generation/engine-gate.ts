import { Injectable } from '@nestjs/common';
import { TaskGates } from '../../tasks/task-gates.js';
import { EnginePool } from './engine-pool.js';
import { generateImageTask } from './image-generation.tasks.js';

/** While no engine is well, this process begins no pictures. */
@Injectable()
export class EngineGate {
  constructor(pool: EnginePool, gates: TaskGates) {
    const gate = gates.of(generateImageTask);
    pool.onChange((well) => (well ? gate.open() : gate.shut()));
    // In child processes each has a pool of its own, and this one hears of trouble only so.
    gate.onSnooze(() => pool.doubt());
  }
}
