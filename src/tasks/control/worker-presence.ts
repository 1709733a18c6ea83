import { Injectable, Logger } from '@nestjs/common';
import { messageOf } from '../../common/message-of.js';
import { darkroomVersion } from '../../common/version.js';
import { LiveEvents } from '../events/live-events.js';
import type { WorkerEvent } from '../events/live-event.js';
import { TaskRunner } from '../task-runner.js';
import { QueueWorkers } from '../workers/queue-workers.js';
import { WorkerProcess } from '../workers/worker-process.js';
import { TaskLimits } from './task-limits.js';
import { WorkersTable, type WorkerSelf } from './workers-table.js';

/** By the database's clock a worker is late after twice this. Milliseconds. */
const beatEveryMs = 5_000;
/** A row this fresh belongs to a process that probably still runs. Milliseconds. */
const freshMs = 10_000;

/** Shows the others that this worker is there: a row with a heartbeat, and events. */
@Injectable()
export class WorkerPresence {
  private readonly log = new Logger('Workers');
  private timer: NodeJS.Timeout | undefined;
  private beating: Promise<void> = Promise.resolve();
  private stopped = false;
  /** The database's clock, and ours at that moment (monotonic). Milliseconds. */
  private clock: { database: number; here: number } | undefined;

  constructor(
    private readonly table: WorkersTable,
    private readonly limits: TaskLimits,
    private readonly queues: QueueWorkers,
    private readonly runner: TaskRunner,
    private readonly live: LiveEvents,
    private readonly process: WorkerProcess,
  ) {}

  /** Resolves after the first heartbeat, or when that could not be written; the next will. */
  async start(): Promise<void> {
    this.timer = setInterval(() => void this.beat(), beatEveryMs);
    await this.warnOfNamesake();
    await this.beat();
    if (!this.stopped) this.tell('worker-online');
  }

  /** Writes what the worker is now, at once. Never throws. */
  beat(): Promise<void> {
    // One after the other, so that an older state never follows a newer one.
    this.beating = this.beating.then(() => this.write());
    return this.beating;
  }

  /** The database's clock, estimated. Milliseconds since 1970; undefined before the first heartbeat. */
  databaseNow(): number | undefined {
    return this.clock && this.clock.database + performance.now() - this.clock.here;
  }

  async stop(): Promise<void> {
    if (this.timer === undefined) return;
    clearInterval(this.timer);
    this.timer = undefined;
    this.stopped = true;
    this.tell('worker-offline');
    await this.live.flush();
    await this.beating;
    await this.table.remove(this.self());
  }

  private async write(): Promise<void> {
    if (this.stopped) return;
    try {
      const database = await this.table.beat(this.self());
      this.clock = { database, here: performance.now() };
      await this.limits.load();
      this.tell('worker-heartbeat');
    } catch (error) {
      this.log.debug(`No heartbeat: ${messageOf(error)}`);
    }
  }

  private async warnOfNamesake(): Promise<void> {
    const other = await this.table.namesake(this.self()).catch(() => undefined);
    if (!other || other.silentMs > freshMs) return;
    this.log.warn(
      `Another worker is named ${other.name} (pid ${other.pid} on ${other.host}). If it still runs, give one of them another name: nobody can tell them apart.`,
    );
  }

  private tell(type: WorkerEvent['type']): void {
    this.live.emit({ type, queues: this.self().queues, active: this.runner.active.length });
  }

  private self(): WorkerSelf {
    const consumed = this.queues.state().filter((queue) => !queue.paused);
    return {
      name: this.process.name,
      host: this.process.host,
      pid: process.pid,
      queues: consumed.map(({ queue }) => queue),
      concurrency: consumed.reduce((sum, { concurrency }) => sum + concurrency, 0),
      pool: this.process.pool,
      version: darkroomVersion,
    };
  }
}
