import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { within } from '../../common/deadline.js';
import { QUEUE_ENGINE } from '../../infrastructure/queue/queue.module.js';
import type { QueueEngine } from '../../infrastructure/queue/queue-engine.js';

const deadlineMs = 2_000;

type Part = 'up' | 'down';

export interface ReadinessReport {
  status: 'ready' | 'draining' | 'unavailable';
  database: Part;
  queue: Part;
}

/** Whether this process should be sent requests. */
@Injectable()
export class Readiness {
  private draining = false;
  private running: Promise<ReadinessReport> | undefined;

  constructor(
    private readonly database: DataSource,
    @Inject(QUEUE_ENGINE) private readonly engine: QueueEngine,
  ) {}

  /** From now on not ready: the process is about to stop. */
  setDraining(): void {
    this.draining = true;
  }

  /** One check at a time: the route is open, and must not be a way to load the database. */
  async report(): Promise<ReadinessReport> {
    this.running ??= this.check().finally(() => (this.running = undefined));
    const report = await this.running;
    return this.draining ? { ...report, status: 'draining' } : report;
  }

  private async check(): Promise<ReadinessReport> {
    const [database, queue] = await Promise.all([
      answers(() => this.database.query('SELECT 1')),
      // Told but not decisive: tasks are taken in without it, and queued when it is back.
      answers(() => this.engine.ping()),
    ]);
    return { status: database === 'up' ? 'ready' : 'unavailable', database, queue };
  }
}

function answers(ask: () => Promise<unknown>): Promise<Part> {
  return within(deadlineMs, ask()).then(
    () => 'up',
    () => 'down',
  );
}
