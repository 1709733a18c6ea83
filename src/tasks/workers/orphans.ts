import { Inject, Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { pause, sharedAbort } from '../../common/deadline.js';
import { messageOf } from '../../common/message-of.js';
import { SETTINGS, type Settings } from '../../config/config.module.js';
import { query, rows } from '../../infrastructure/database/transaction.js';
import { QUEUE_NAMES, type QueueName } from '../definitions/queues.js';
import { TaskHints, type Again } from '../hints/task-hints.js';
import { orphaned } from '../ledger/claim-sql.js';
import { hasEnded, thisProcess } from '../process/process-identity.js';

/** Pause between two looks. Milliseconds. */
const lookEveryMs = 1_000;
/** An orphan that is still there after this time gets another hint. Milliseconds. */
const callAgainMs = 5_000;
const batchSize = 500;

interface Orphan extends Again {
  queue: QueueName;
}

interface Claimed {
  id: string;
  attempt: number;
  process: string | null;
  /** End of the lease, as text, since a `Date` has no microseconds. */
  lease: string;
}

/**
 * Finds running tasks whose lease is over, because their worker died, and adds a second hint for each, ahead
 * of all waiting tasks. BullMQ's own check for stalled jobs is slower, and puts what it finds behind the
 * backlog. The hint does no harm if the worker is alive after all: the claim decides.
 *
 * Failure window: the queue is away. Remedy: the next look, or BullMQ's own check.
 */
@Injectable()
export class Orphans {
  private readonly log = new Logger('Orphans');
  private readonly stopping = sharedAbort();
  private readonly called = new Map<string, number>();
  private looking: Promise<void> = Promise.resolve();

  constructor(
    private readonly database: DataSource,
    private readonly hints: TaskHints,
    @Inject(SETTINGS) private readonly settings: Settings,
  ) {}

  /** Starts to look every second. @param worker this worker's name; tasks of its former process come first */
  async start(worker: string): Promise<void> {
    await this.takeUp(worker).catch((error: unknown) => this.failed(error));
    this.looking = this.watch();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.looking;
  }

  /** Looks once. @returns how many tasks got a hint */
  async look(): Promise<number> {
    const found = await rows<Orphan>(
      this.database,
      `SELECT id, attempt, name, queue FROM tasks WHERE ${orphaned} ORDER BY lease_until LIMIT ${batchSize}`,
    );
    const now = performance.now();
    for (const [key, at] of this.called) if (now - at > callAgainMs) this.called.delete(key);
    const orphans = found.filter((orphan) => !this.called.has(keyOf(orphan)));
    for (const queue of QUEUE_NAMES) {
      const calls = orphans.filter((orphan) => orphan.queue === queue);
      if (calls.length === 0) continue;
      await this.hints.again(queue, calls);
      for (const call of calls) this.called.set(keyOf(call), now);
    }
    return orphans.length;
  }

  private async watch(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      await this.look().catch((error: unknown) => this.failed(error));
      await pause(lookEveryMs, signal);
    }
  }

  /** Ends the leases of processes that had this worker's name and have ended. */
  private async takeUp(worker: string): Promise<void> {
    const former = await this.claimedAs(worker);
    const ended = former.filter((task) => task.process !== null && hasEnded(task.process));
    await this.endLeases(ended);
    const others = former.filter((task) => !ended.includes(task));
    if (others.length > 0) void this.watchOver(others);
  }

  /**
   * For processes that may be alive: two workers of one name must not take each other's tasks. A living
   * process renews each lease three times, so a lease that was not renewed for half its time is given up.
   */
  private async watchOver(tasks: Claimed[]): Promise<void> {
    await pause(this.settings.leaseMs / 2, this.stopping.signal);
    if (this.stopping.signal.aborted) return;
    await this.endLeases(tasks).catch((error: unknown) => this.failed(error));
  }

  private claimedAs(worker: string): Promise<Claimed[]> {
    return query<Claimed>(
      this.database,
      `SELECT id, attempt, process, lease_until::text AS lease FROM tasks
        WHERE lease_until IS NOT NULL AND worker = $1 AND process IS DISTINCT FROM $2`,
      [worker, thisProcess],
    );
  }

  /** Ends the leases that were not renewed since they were read. */
  private async endLeases(tasks: Claimed[]): Promise<void> {
    if (tasks.length === 0) return;
    const ended = await query(
      this.database,
      `UPDATE tasks t SET lease_until = now() - interval '1 ms'
         FROM unnest($1::uuid[], $2::int[], $3::timestamptz[]) AS known (id, attempt, lease)
        WHERE t.id = known.id AND t.attempt = known.attempt AND t.lease_until = known.lease
          AND t.lease_until > now()
       RETURNING t.id`,
      [
        tasks.map((task) => task.id),
        tasks.map((task) => task.attempt),
        tasks.map((task) => task.lease),
      ],
    );
    if (ended.length === 0) return;
    this.log.log(`${ended.length} tasks of this worker's former process will run again`);
    await this.look();
  }

  private failed(error: unknown): void {
    this.log.debug(`Could not look for tasks without a worker: ${messageOf(error)}`);
  }
}

function keyOf({ id, attempt }: Again): string {
  return `${id}-${attempt}`;
}
