import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { SETTINGS, type Settings } from '../../config/config.module.js';
import {
  inTransaction,
  rows,
  type Transaction,
} from '../../infrastructure/database/transaction.js';
import {
  checkedSchedule,
  definedSchedules,
  type ScheduleDefinition,
} from './schedule-definition.js';
import { checkedTiming, ticksOf } from './timing.js';

/** Copies the schedules that the code declares into the table `schedules`. */
@Injectable()
export class DeclaredSchedules {
  constructor(
    private readonly database: DataSource,
    @Inject(SETTINGS) private readonly settings: Settings,
  ) {}

  /**
   * Call it when a worker starts; several workers may do so at once. The code decides everything except
   * whether a schedule is paused. The next tick stays as it was, unless the timing has changed. A
   * schedule that was made at run time under a declared name becomes the declared one.
   *
   * A schedule whose code is gone is marked as retired and sends nothing. Its history stays, it can now
   * be removed, and it resumes when its code comes back. While two releases run, the one that started
   * last decides; a worker never ticks a declared schedule that its own code does not have.
   */
  async sync(declared: ScheduleDefinition[] = definedSchedules()): Promise<void> {
    await inTransaction(this.database, async (tx) => {
      // Always in the same order, so that workers which start together cannot deadlock.
      const sorted = declared.toSorted((a, b) =>
        a.declaration.name < b.declaration.name ? -1 : 1,
      );
      const [clock] = await rows<{ now: Date }>(tx, 'SELECT now() AS now');
      for (const definition of sorted) await this.put(tx, definition, clock!.now);
      await tx.query(
        `UPDATE schedules SET retired_at = now()
          WHERE declared AND retired_at IS NULL AND name <> ALL($1)`,
        [sorted.map(({ declaration }) => declaration.name)],
      );
    });
  }

  private async put(
    tx: Transaction,
    { task, declaration }: ScheduleDefinition,
    now: Date,
  ): Promise<void> {
    const timing = checkedTiming(declaration, this.settings.scheduleTimeZone);
    await tx.query(
      `INSERT INTO schedules AS known
         (name, declared, task, payload, queue, priority, expires_in_ms, cron, time_zone, every_ms, misfire, next_at)
       VALUES ($1, true, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
       ON CONFLICT (name) DO UPDATE SET
         declared = true, task = excluded.task, payload = excluded.payload, queue = excluded.queue,
         priority = excluded.priority, expires_in_ms = excluded.expires_in_ms, cron = excluded.cron,
         time_zone = excluded.time_zone, every_ms = excluded.every_ms, misfire = excluded.misfire,
         retired_at = NULL,
         next_at = CASE WHEN known.retired_at IS NULL AND (known.cron, known.time_zone, known.every_ms)
                             IS NOT DISTINCT FROM (excluded.cron, excluded.time_zone, excluded.every_ms)
                        THEN known.next_at ELSE excluded.next_at END`,
      [
        declaration.name,
        task.name,
        checkedSchedule(task, declaration),
        declaration.queue ?? null,
        declaration.priority ?? null,
        declaration.expiresInMs ?? null,
        timing.cron,
        timing.timeZone,
        timing.everyMs,
        declaration.misfire ?? 'skip',
        ticksOf(timing)(now),
      ],
    );
  }
}
