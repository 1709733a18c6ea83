import { Injectable } from '@nestjs/common';
import { darkroomVersion } from '../../common/version.js';
import type { LiveEvent } from '../events/live-event.js';
import { LiveEvents } from '../events/live-events.js';
import { WorkerProcess } from '../process/worker-process.js';
import { TaskPool } from '../pools/task-pool.js';
import { QueueWorkers } from '../workers/queue-workers.js';
import type { OutcomeCounts, WorkerStatistics } from './command-data.js';

const outcomes: Partial<Record<LiveEvent['type'], keyof OutcomeCounts>> = {
  'task-succeeded': 'succeeded',
  'task-failed': 'failed',
  'task-retried': 'retried',
  'task-revoked': 'revoked',
};

/** Counts the attempts of this worker since its start. */
@Injectable()
export class WorkerStats {
  private readonly total = noOutcomes();
  private readonly byName = new Map<string, OutcomeCounts>();

  constructor(
    live: LiveEvents,
    private readonly queues: QueueWorkers,
    private readonly process: WorkerProcess,
    private readonly pool: TaskPool,
  ) {
    live.onEmit((event) => this.count(event));
  }

  now(): WorkerStatistics {
    const { rss, heapUsed } = process.memoryUsage();
    const cpu = process.cpuUsage();
    return {
      host: this.process.host,
      pid: process.pid,
      version: darkroomVersion,
      startedAt: this.process.startedAt.toISOString(),
      uptimeMs: Math.round(process.uptime() * 1_000),
      rssBytes: rss,
      heapUsedBytes: heapUsed,
      cpuUserMs: Math.round(cpu.user / 1_000),
      cpuSystemMs: Math.round(cpu.system / 1_000),
      tasks: { ...this.total },
      tasksByName: Object.fromEntries(this.byName),
      pool: { ...this.pool.stats(), queues: this.queues.state() },
    };
  }

  private count(event: LiveEvent): void {
    const outcome = outcomes[event.type];
    if (outcome === undefined || !('name' in event)) return;
    const counts = this.byName.get(event.name) ?? noOutcomes();
    this.byName.set(event.name, counts);
    counts[outcome]++;
    this.total[outcome]++;
  }
}

function noOutcomes(): OutcomeCounts {
  return { succeeded: 0, failed: 0, retried: 0, revoked: 0 };
}
