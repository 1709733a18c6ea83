import type { FactoryProvider } from '@nestjs/common';
import { SETTINGS, type Settings } from '../../config/config.module.js';
import { TaskLimits } from '../control/task-limits.js';
import { TaskAttempts } from '../task-attempts.js';
import { TaskLedger } from '../task-ledger.js';
import { TaskRegistry } from '../task-registry.js';
import { InlinePool } from './inline-pool.js';
import { ProcessPool } from './process-pool.js';
import { TaskPool } from './task-pool.js';

/** The pool that WORKER_POOL names. */
export const taskPool: FactoryProvider<TaskPool> = {
  provide: TaskPool,
  inject: [SETTINGS, TaskAttempts, TaskLedger, TaskRegistry, TaskLimits],
  useFactory: (
    settings: Settings,
    attempts: TaskAttempts,
    ledger: TaskLedger,
    registry: TaskRegistry,
    timeLimits: TaskLimits,
  ) => {
    const limits = {
      maxTasks: settings.workerMaxTasksPerChild,
      maxMemoryMb: settings.workerMaxMemoryPerChildMb,
    };
    switch (settings.workerPool) {
      case 'inline':
        return new InlinePool(attempts, limits);
      case 'processes':
        return new ProcessPool(settings, limits, attempts, ledger, registry, timeLimits);
    }
  },
};
