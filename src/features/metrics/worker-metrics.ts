import { Injectable } from '@nestjs/common';
import { QUEUE_NAMES } from '../../tasks/definitions/queues.js';
import { TaskPool } from '../../tasks/pools/task-pool.js';
import { LeaseKeeper } from '../../tasks/workers/lease-keeper.js';
import { TaskRunner } from '../../tasks/workers/task-runner.js';
import { Metrics } from './metrics.js';

/** What this worker is doing. Its parts count for themselves; a scrape reads them. */
@Injectable()
export class WorkerMetrics {
  constructor(metrics: Metrics, runner: TaskRunner, leases: LeaseKeeper, pool: TaskPool) {
    metrics.gauge({
      name: 'darkroom_worker_running_tasks',
      help: 'Tasks that this worker is running.',
      labelNames: ['queue'],
      collect() {
        const { active } = runner;
        for (const queue of QUEUE_NAMES) {
          this.set({ queue }, active.filter(({ task }) => task.queue === queue).length);
        }
      },
    });
    metrics.gauge({
      name: 'darkroom_worker_pool_size',
      help: 'Most tasks that this worker runs at once.',
      collect() {
        this.set(pool.stats().size);
      },
    });
    metrics.counter({
      name: 'darkroom_worker_lease_losses_total',
      help: 'Attempts that this worker has stopped because their lease was lost.',
      collect() {
        this.reset();
        this.inc(leases.losses);
      },
    });
    metrics.counter({
      name: 'darkroom_worker_children_ended_total',
      help: 'Child processes of this worker that have ended: replaced, killed or died.',
      collect() {
        this.reset();
        this.inc(pool.stats().restarts);
      },
    });
  }
}
