import { runChild } from '../../src/tasks/pools/run-child.js';
import { CanvasHandlers } from './canvas-tasks.js';
import { labModule } from './lab-module.js';
import { PoolHandlers } from './pool-handlers.js';
import { loggerOf } from './settings.js';

/** A child of the process pool with the handlers of its tests. */
runChild((settings) => labModule(settings, [PoolHandlers, CanvasHandlers]), loggerOf);
