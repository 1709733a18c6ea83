import { runChild } from '../../src/tasks/pools/run-child.js';
import { labModule } from './lab-module.js';
import { LingerHandlers } from './recovery-tasks.js';
import { loggerOf } from './settings.js';

runChild((settings) => labModule(settings, [LingerHandlers]), loggerOf);
