import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { rows } from '../../infrastructure/database/transaction.js';
import { QUEUE_NAMES, type QueueName } from '../queues.js';

/** Open tasks of one queue, by the ledger. */
export interface QueueOverview {
  queue: QueueName;
  /** May run now. */
  waiting: number;
  /** Due later, retries among them. */
  delayed: number;
  running: number;
  /** Wait for another node of their canvas. */
  blocked: number;
  /** Age of the oldest task that may run now, milliseconds; null: none waits. */
  oldestMs: number | null;
}

/** How full the queues are. The ledger knows; what the queue engine holds are hints. */
@Injectable()
export class QueueOverviews {
  constructor(private readonly database: DataSource) {}

  /** Every queue, the most urgent first. */
  async list(): Promise<QueueOverview[]> {
    const found = await rows<QueueOverview>(
      this.database,
      `SELECT queue,
              count(*) FILTER (WHERE waits AND run_at <= now())::int AS waiting,
              count(*) FILTER (WHERE waits AND run_at > now())::int AS delayed,
              count(*) FILTER (WHERE state = 'STARTED')::int AS running,
              count(*) FILTER (WHERE blocked)::int AS blocked,
              (extract(epoch FROM now() - min(run_at) FILTER (WHERE waits AND run_at <= now()))
                * 1000)::float8 AS "oldestMs"
         FROM (SELECT queue, state, blocked, run_at,
                      state IN ('PENDING', 'RETRY') AND NOT blocked AS waits
                 FROM tasks WHERE finished_at IS NULL AND kind IN ('task', 'map')) AS open
        GROUP BY queue`,
    );
    const byName = new Map(found.map((overview) => [overview.queue, overview]));
    return QUEUE_NAMES.map((queue) => byName.get(queue) ?? { ...empty, queue });
  }
}

const empty = { waiting: 0, delayed: 0, running: 0, blocked: 0, oldestMs: null };
