import { Injectable, Logger } from '@nestjs/common';
import { messageOf } from '../../common/message-of.js';
import { darkroomVersion } from '../../common/version.js';
import type { WorkerEvent } from '../events/live-event.js';
import { LiveEvents } from '../events/live-events.js';
import { TaskLimits } from '../limits/task-limits.js';
import { hasEnded, thisProcess } from '../process/process-identity.js';
import { WorkerProcess } from '../process/worker-process.js';
import { TaskRunner } from '../workers/task-runner.js';
import { QueueWorkers } from '../workers/queue-workers.js';
import { WorkersTable, type WorkerSelf } from './workers-table.js';

/** A worker counts as late after twice this time, by the database's clock. Milliseconds. */
const beatEveryMs = 5_000;
/** The process of a row whose heartbeat is newer than this is probably still running. Milliseconds. */
const freshMs = 10_000;

/** Makes this worker visible to others, with a heartbeat in its row and with events. */
@Injectable()
export class WorkerPresence {
  private readonly log = new Logger('Workers');
  private timer: NodeJS.Timeout | undefined;
  private beating: Promise<void> = Promise.resolve();
  private stopped = false;
  /** The database's clock, and our monotonic clock at the same moment. Milliseconds. */
  private clock: { database: number; here: number } | undefined;

  constructor(
    private readonly table: WorkersTable,
    private readonly limits: TaskLimits,
    private readonly queues: QueueWorkers,
    private readonly runner: TaskRunner,
    private readonly live: LiveEvents,
    private readonly process: WorkerProcess,
  ) {}

  /** Resolves after the first heartbeat, written or failed; a failed one is followed by the next. */
  async start(): Promise<void> {
    this.timer = setInterval(() => void this.beat(), beatEveryMs);
    await this.meetNamesakes();
    await this.beat();
    if (!this.stopped) this.tell('worker-online');
  }

  /** Writes the worker's current state at once. Never throws. */
  beat(): Promise<void> {
    // One at a time, so that an older state never overwrites a newer one.
    this.beating = this.beating.then(() => this.write());
    return this.beating;
  }

  /** Estimates the database's clock: milliseconds since 1970; undefined before the first heartbeat. */
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

  /** Removes other workers of this name that are known to be dead; warns about those that may be alive. */
  private async meetNamesakes(): Promise<void> {
    const others = await this.table.namesakes(this.self()).catch(() => []);
    for (const other of others) {
      // A second worker in this same process is certainly alive.
      if (!other.process.startsWith(thisProcess) && hasEnded(other.process)) {
        await this.table.remove(other).catch(() => {});
      } else if (other.silentMs <= freshMs) {
        this.log.warn(
          `Another worker is named ${other.name} (pid ${other.pid} on ${other.host}). If it is still running, both receive commands and both answer. Give one of them another name to tell them apart.`,
        );
      }
    }
  }

  private tell(type: WorkerEvent['type']): void {
    this.live.emit({ type, queues: this.self().queues, active: this.runner.active.length });
  }

  private self(): WorkerSelf {
    const consumed = this.queues.state().filter((queue) => !queue.paused);
    return {
      name: this.process.name,
      process: this.process.identity,
      host: this.process.host,
      pid: process.pid,
      queues: consumed.map(({ queue }) => queue),
      concurrency: consumed.reduce((sum, { concurrency }) => sum + concurrency, 0),
      pool: this.process.pool,
      version: darkroomVersion,
    };
  }
}
