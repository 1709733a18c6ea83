import { Injectable } from '@nestjs/common';
import { TaskGates } from '../../tasks/workers/task-gates.js';
import { EnginePool } from './engine-pool.js';
import { generateImageTask } from './image-generation.tasks.js';

/** Starts no pictures in this process while no engine is well. */
@Injectable()
export class EngineGate {
  constructor(pool: EnginePool, gates: TaskGates) {
    const gate = gates.of(generateImageTask);
    pool.onChange((well) => (well ? gate.open('engines') : gate.shut('engines')));
    // Each child process has its own pool; a snooze is the only way this process learns of trouble there.
    gate.onSnooze(() => pool.doubt());
  }
}
