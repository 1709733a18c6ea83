import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { waitAtMost, within } from '../../common/deadline.js';
import { EnginePool } from '../image-generation/engine-pool.js';
import { EngineWatch } from '../image-generation/engine-watch.js';
import { QUEUE_ENGINE } from '../../infrastructure/queue/queue.module.js';
import type { QueueEngine } from '../../infrastructure/queue/queue-engine.js';

const deadlineMs = 2_000;
const firstLookMs = 1_000;

type Part = 'up' | 'down';

export interface ReadinessReport {
  status: 'ready' | 'draining' | 'unavailable';
  database: Part;
  queue: Part;
  engine: Part;
}

/** Whether this process should be sent requests. */
@Injectable()
export class Readiness {
  private draining = false;
  private running: Promise<ReadinessReport> | undefined;

  constructor(
    private readonly database: DataSource,
    @Inject(QUEUE_ENGINE) private readonly queue: QueueEngine,
    private readonly engines: EnginePool,
    private readonly watch: EngineWatch,
  ) {}

  /** Not ready from now on: the process is about to stop. */
  setDraining(): void {
    this.draining = true;
  }

  /** One check at a time: the route is open to all, and must not be a way to overload the database. */
  async report(): Promise<ReadinessReport> {
    this.running ??= this.check().finally(() => (this.running = undefined));
    const report = await this.running;
    return this.draining ? { ...report, status: 'draining' } : report;
  }

  private async check(): Promise<ReadinessReport> {
    const [database, queue] = await Promise.all([
      answers(() => this.database.query('SELECT 1')),
      // Reported but not decisive, like the engine: tasks are accepted without it, and queued when it is back.
      answers(() => this.queue.ping()),
      // Waits only for the first look.
      waitAtMost(firstLookMs, this.engines.hasLooked ? Promise.resolve() : this.watch.latest()),
    ]);
    const engine = this.engines.answers ? 'up' : 'down';
    return { status: database === 'up' ? 'ready' : 'unavailable', database, queue, engine };
  }
}

function answers(ask: () => Promise<unknown>): Promise<Part> {
  return within(deadlineMs, ask()).then(
    () => 'up',
    () => 'down',
  );
}
