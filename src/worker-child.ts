import { runChild } from './tasks/pools/run-child.js';
import { WorkerModule } from './worker.module.js';

/** A child of the process pool; a worker starts it. */
runChild((settings) => WorkerModule.with(settings));
