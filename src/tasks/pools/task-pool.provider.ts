import type { FactoryProvider } from '@nestjs/common';
import { SETTINGS, type Settings } from '../../config/config.module.js';
import { TaskRegistry } from '../definitions/task-registry.js';
import { TaskLeases } from '../ledger/task-leases.js';
import { TaskTransitions } from '../ledger/task-transitions.js';
import { TaskLimits } from '../limits/task-limits.js';
import { TaskAttempts } from '../running/task-attempts.js';
import { TaskPool } from './task-pool.js';
import { InlinePool } from './inline-pool.js';
import { ProcessPool } from './process-pool.js';

/** Provides the pool that WORKER_POOL names. */
export const taskPool: FactoryProvider<TaskPool> = {
  provide: TaskPool,
  inject: [SETTINGS, TaskAttempts, TaskTransitions, TaskLeases, TaskRegistry, TaskLimits],
  useFactory: (
    settings: Settings,
    attempts: TaskAttempts,
    transitions: TaskTransitions,
    leases: TaskLeases,
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
        return new ProcessPool(
          settings,
          limits,
          attempts,
          transitions,
          leases,
          registry,
          timeLimits,
        );
    }
  },
};
