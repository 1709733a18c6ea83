import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { retried, rows } from '../../infrastructure/database/transaction.js';
import type { QueueName } from '../definitions/queues.js';
import type { PoolKind } from '../process/worker-process.js';

/** A worker without a heartbeat for this long is removed. Seconds. */
const forgottenAfterS = 60;

/** What a worker writes about itself. */
export interface WorkerSelf {
  name: string;
  /** Unique, while two workers may share a name. */
  process: string;
  host: string;
  pid: number;
  /** Queues it takes tasks from. */
  queues: QueueName[];
  /** Tasks that it runs at once, over all its queues. */
  concurrency: number;
  pool: PoolKind;
  version: string;
}

export interface LivingWorker extends WorkerSelf {
  startedAt: Date;
  heartbeatAt: Date;
  /** Milliseconds since its last heartbeat, by the database's clock. Above 10,000 the worker is in trouble. */
  silentMs: number;
}

/** The list of workers: one row each, from its start to its end, or until a minute after it died. */
@Injectable()
export class WorkersTable {
  constructor(private readonly database: DataSource) {}

  /** Sorted by name. @throws UnavailableError */
  async living(): Promise<LivingWorker[]> {
    return retried(() =>
      rows<LivingWorker>(
        this.database,
        `SELECT name, process, host, pid, queues, concurrency, pool, version, started_at AS "startedAt",
                heartbeat_at AS "heartbeatAt",
                (extract(epoch FROM now() - heartbeat_at) * 1000)::float8 AS "silentMs"
           FROM workers WHERE heartbeat_at > now() - $1 * interval '1 s' ORDER BY name, process`,
        [forgottenAfterS],
      ),
    );
  }

  /** Milliseconds since 1970, by the database's clock. @throws UnavailableError */
  async now(): Promise<number> {
    const [row] = await retried(() =>
      rows<{ now: number }>(
        this.database,
        `SELECT (extract(epoch FROM now()) * 1000)::float8 AS now`,
      ),
    );
    return row!.now;
  }

  /** Other workers that have this worker's name. */
  async namesakes({ name, process }: WorkerSelf): Promise<LivingWorker[]> {
    const others = await this.living();
    return others.filter((it) => it.name === name && it.process !== process);
  }

  /**
   * Writes a heartbeat and removes dead workers.
   *
   * @returns the database's clock: milliseconds since 1970
   */
  async beat(self: WorkerSelf): Promise<number> {
    const forget = `DELETE FROM workers WHERE heartbeat_at < now() - $1 * interval '1 s'`;
    await retried(() => this.database.query(forget, [forgottenAfterS]));
    const sql = `
      INSERT INTO workers (process, name, host, pid, queues, concurrency, pool, version)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
       ON CONFLICT (process) DO UPDATE
          SET queues = excluded.queues, concurrency = excluded.concurrency, heartbeat_at = now()
      RETURNING (extract(epoch FROM now()) * 1000)::float8 AS now`;
    const { process, name, host, pid, queues, concurrency, pool, version } = self;
    const parameters = [process, name, host, pid, queues, concurrency, pool, version];
    const [row] = await retried(() => rows<{ now: number }>(this.database, sql, parameters));
    return row!.now;
  }

  /** Call it when the worker ends, or is known to have ended. */
  async remove({ process }: Pick<WorkerSelf, 'process'>): Promise<void> {
    const sql = `DELETE FROM workers WHERE process = $1`;
    await retried(() => this.database.query(sql, [process]));
  }
}
