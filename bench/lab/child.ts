import { runChild } from '../../src/tasks/pools/run-child.js';
import { labModule } from './lab.module.js';

/** The worker's child under WORKER_POOL=processes. */
runChild(labModule);
