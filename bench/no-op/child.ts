import { runChild } from '../../src/tasks/workers/run-child.js';
import { noOpModule } from './no-op.module.js';

/** The worker's child under WORKER_POOL=processes. */
runChild(noOpModule);
