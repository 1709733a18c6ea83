import {
  concurrency,
  integer,
  maxMemoryMb,
  maxTasks,
  workerPools,
  type WorkerPool,
} from '../environment-values.js';
import { variable, type Values } from './variable.js';

export const workersVariables = {
  WORKER_CONCURRENCY: variable(concurrency.optional(), {
    description: 'Tasks a worker runs at once on each of its queues. Default 2.',
    example: '2',
  }),
  CELERY_WORKER_CONCURRENCY: variable(concurrency.optional(), {
    description: 'The original name of WORKER_CONCURRENCY.',
    example: '2',
  }),
  WORKER_POOL: variable(workerPools.default('inline'), {
    description:
      'Where tasks run: inline, in the worker itself; processes, each in a child process that can be killed.',
    example: 'processes',
  }),
  WORKER_MAX_TASKS_PER_CHILD: variable(maxTasks.optional(), {
    description: 'Tasks after which a child process is replaced; 0: never. Default 50.',
    example: '50',
  }),
  CELERY_WORKER_MAX_TASKS_PER_CHILD: variable(maxTasks.optional(), {
    description: 'The original name of WORKER_MAX_TASKS_PER_CHILD.',
    example: '50',
  }),
  WORKER_MAX_MEMORY_PER_CHILD_MB: variable(maxMemoryMb.optional(), {
    description:
      'Megabytes (RSS) above which a child process is replaced after its task. Default: no limit.',
    example: '512',
  }),
  TASK_LEASE_SECONDS: variable(integer(3, 3600).default(6), {
    description: 'Seconds of silence after which a worker has lost its tasks to the others.',
    example: '6',
  }),
  RECONCILE_SECONDS: variable(integer(1, 3600).default(30), {
    description:
      'Seconds between two comparisons of open tasks with the queue; lost ones are put back.',
    example: '30',
  }),
};

export interface WorkersEnvironment {
  workerConcurrency: number;
  workerPool: WorkerPool;
  /** 0: no limit. Undefined: not set; the process pool has its own default. */
  workerMaxTasksPerChild: number | undefined;
  workerMaxMemoryPerChildMb: number | undefined;
  leaseMs: number;
  reconcileMs: number;
}

export function workersEnvironment(v: Values<typeof workersVariables>): WorkersEnvironment {
  return {
    workerConcurrency: v.WORKER_CONCURRENCY ?? v.CELERY_WORKER_CONCURRENCY ?? 2,
    workerPool: v.WORKER_POOL,
    workerMaxTasksPerChild: v.WORKER_MAX_TASKS_PER_CHILD ?? v.CELERY_WORKER_MAX_TASKS_PER_CHILD,
    workerMaxMemoryPerChildMb: v.WORKER_MAX_MEMORY_PER_CHILD_MB,
    leaseMs: v.TASK_LEASE_SECONDS * 1000,
    reconcileMs: v.RECONCILE_SECONDS * 1000,
  };
}
