import { Injectable } from '@nestjs/common';
import type { Pool } from 'pg';
import { DataSource } from 'typeorm';
import { Metrics } from './metrics.js';

/** The connections of this process to the database. */
@Injectable()
export class DatabaseMetrics {
  constructor(metrics: Metrics, database: DataSource) {
    const pool = (): Pool => (database.driver as unknown as { master: Pool }).master;
    metrics.gauge({
      name: 'darkroom_database_connections',
      help: 'Open connections of this process for its own queries, by state: busy or idle.',
      labelNames: ['state'],
      collect() {
        const { totalCount, idleCount } = pool();
        this.set({ state: 'busy' }, totalCount - idleCount);
        this.set({ state: 'idle' }, idleCount);
      },
    });
    metrics.gauge({
      name: 'darkroom_database_connections_max',
      help: 'Most of these connections (DATABASE_POOL_SIZE).',
      collect() {
        this.set(pool().options.max);
      },
    });
    metrics.gauge({
      name: 'darkroom_database_waiting',
      help: 'Queries that wait for a free connection.',
      collect() {
        this.set(pool().waitingCount);
      },
    });
  }
}
