import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { retried, rows } from '../../infrastructure/database/transaction.js';
import type { QueueName } from '../queues.js';
import type { PoolKind } from '../workers/worker-process.js';

/** A worker without a heartbeat for so long is forgotten. Seconds. */
const forgottenAfterS = 60;

/** What a worker says of itself. */
export interface WorkerSelf {
  name: string;
  host: string;
  pid: number;
  /** Queues it takes tasks from. */
  queues: QueueName[];
  /** Tasks it runs at once, all its queues together. */
  concurrency: number;
  pool: PoolKind;
  version: string;
}

export interface LivingWorker extends WorkerSelf {
  startedAt: Date;
  heartbeatAt: Date;
  /** Milliseconds since its last heartbeat, by the database's clock. Above 10,000 it is in trouble. */
  silentMs: number;
}

/** Which workers there are: one row each, from start to end, or for a minute after it died. */
@Injectable()
export class WorkersTable {
  constructor(private readonly database: DataSource) {}

  /** By name. @throws UnavailableError */
  async living(): Promise<LivingWorker[]> {
    return retried(() =>
      rows<LivingWorker>(
        this.database,
        `SELECT name, host, pid, queues, concurrency, pool, version, started_at AS "startedAt",
                heartbeat_at AS "heartbeatAt",
                (extract(epoch FROM now() - heartbeat_at) * 1000)::float8 AS "silentMs"
           FROM workers WHERE heartbeat_at > now() - $1 * interval '1 s' ORDER BY name`,
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

  /** The process that has the name of this one just now, if there is another. */
  async namesake({ name, host, pid }: WorkerSelf): Promise<LivingWorker | undefined> {
    const others = await this.living();
    return others.find((it) => it.name === name && !(it.host === host && it.pid === pid));
  }

  /** A first sign of life, or another one; forgets the dead. @returns the database's clock, ms */
  async beat(self: WorkerSelf): Promise<number> {
    await this.database.query(
      `DELETE FROM workers WHERE heartbeat_at < now() - $1 * interval '1 s'`,
      [forgottenAfterS],
    );
    const [row] = await rows<{ now: number }>(
      this.database,
      `INSERT INTO workers AS known (name, host, pid, queues, concurrency, pool, version)
       VALUES ($1, $2, $3, $4, $5, $6, $7)
       ON CONFLICT (name) DO UPDATE
          SET host = excluded.host, pid = excluded.pid, queues = excluded.queues,
              concurrency = excluded.concurrency, pool = excluded.pool,
              version = excluded.version, heartbeat_at = now(),
              started_at = CASE WHEN (known.host, known.pid) = (excluded.host, excluded.pid)
                                THEN known.started_at ELSE now() END
       RETURNING (extract(epoch FROM now()) * 1000)::float8 AS now`,
      [self.name, self.host, self.pid, self.queues, self.concurrency, self.pool, self.version],
    );
    return row!.now;
  }

  /** At a clean end. */
  async remove({ name, host, pid }: WorkerSelf): Promise<void> {
    await this.database.query(`DELETE FROM workers WHERE name = $1 AND host = $2 AND pid = $3`, [
      name,
      host,
      pid,
    ]);
  }
}
