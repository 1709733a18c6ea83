import { Inject, Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { pause } from '../../common/deadline.js';
import { messageOf } from '../../common/message-of.js';
import { SETTINGS, type Settings } from '../../config/config.module.js';
import { rows } from '../../infrastructure/database/transaction.js';
import { orphaned } from '../claim-sql.js';
import { QUEUE_NAMES, type QueueName } from '../queues.js';
import { TaskHints, type Again } from '../task-hints.js';
import { hasEnded, thisProcess } from './process-identity.js';

/** Milliseconds. */
const lookEveryMs = 1_000;
/** A call that may have been lost, or had its answer, is made again. Milliseconds. */
const callAgainMs = 5_000;
const batchSize = 500;

interface Orphan extends Again {
  queue: QueueName;
}

interface Claimed {
  id: string;
  attempt: number;
  process: string | null;
  /** As text, since a `Date` has no microseconds. */
  lease: string;
}

/**
 * Finds tasks whose lease is over and calls them again, before all that wait: the queue's own clock is
 * slower, and what it finds goes behind the backlog. A call is a second hint; the claim decides.
 *
 * Failure window: the queue is away. Remedy: the next look, and the queue's own clock.
 */
@Injectable()
export class Orphans {
  private readonly log = new Logger('Orphans');
  private readonly stopping = new AbortController();
  private readonly called = new Map<string, number>();
  private looking: Promise<void> = Promise.resolve();

  constructor(
    private readonly database: DataSource,
    private readonly hints: TaskHints,
    @Inject(SETTINGS) private readonly settings: Settings,
  ) {}

  /** Looks every second. @param worker name of this worker, whose former tasks come at once */
  async start(worker: string): Promise<void> {
    await this.takeUp(worker).catch((error: unknown) => this.failed(error));
    this.looking = this.watch();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.looking;
  }

  /** @returns how many tasks were called */
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

  /** Ends the leases of processes that had this worker's name and are no more. */
  private async takeUp(worker: string): Promise<void> {
    const former = await this.claimedAs(worker);
    const ended = former.filter((task) => task.process !== null && hasEnded(task.process));
    await this.endLeases(ended);
    const others = former.filter((task) => !ended.includes(task));
    if (others.length > 0) void this.watchOver(others);
  }

  /** A living one renews its leases three times in each; two workers of one name must not rob each other. */
  private async watchOver(tasks: Claimed[]): Promise<void> {
    await pause(this.settings.leaseMs / 2, this.stopping.signal);
    if (this.stopping.signal.aborted) return;
    await this.endLeases(tasks).catch((error: unknown) => this.failed(error));
  }

  private claimedAs(worker: string): Promise<Claimed[]> {
    return rows<Claimed>(
      this.database,
      `SELECT id, attempt, process, lease_until::text AS lease FROM tasks
        WHERE lease_until IS NOT NULL AND worker = $1 AND process IS DISTINCT FROM $2`,
      [worker, thisProcess],
    );
  }

  /** Those that were not renewed since. */
  private async endLeases(tasks: Claimed[]): Promise<void> {
    if (tasks.length === 0) return;
    const ended = await rows(
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
    this.log.log(`${ended.length} tasks of this worker's former process are taken up again`);
    await this.look();
  }

  private failed(error: unknown): void {
    this.log.debug(`Could not look for tasks without a worker: ${messageOf(error)}`);
  }
}

function keyOf({ id, attempt }: Again): string {
  return `${id}-${attempt}`;
}
