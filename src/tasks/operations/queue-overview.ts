import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { retried, rows } from '../../infrastructure/database/transaction.js';
import { QUEUE_NAMES, type QueueName } from '../definitions/queues.js';

/** Numbers of open tasks of one queue, from the ledger. */
export interface QueueOverview {
  queue: QueueName;
  /** Tasks that may run now. */
  waiting: number;
  /** Tasks that are due later, retries included. */
  delayed: number;
  running: number;
  /** Tasks that wait for another node of their canvas. */
  blocked: number;
  /** How long the oldest task that may run now has been due, in milliseconds; null: none is waiting. */
  oldestMs: number | null;
}

/** How full the queues are. Counted in the ledger, since the queue engine holds only hints. */
@Injectable()
export class QueueOverviews {
  constructor(private readonly database: DataSource) {}

  /** All queues, most urgent first. */
  async list(): Promise<QueueOverview[]> {
    const sql = `
      SELECT queue,
              count(*) FILTER (WHERE waits AND run_at <= now())::int AS waiting,
              count(*) FILTER (WHERE waits AND run_at > now())::int AS delayed,
              count(*) FILTER (WHERE state = 'STARTED')::int AS running,
              count(*) FILTER (WHERE blocked)::int AS blocked,
              (extract(epoch FROM now() - min(run_at) FILTER (WHERE waits AND run_at <= now()))
                * 1000)::float8 AS "oldestMs"
         FROM (SELECT queue, state, blocked, run_at,
                      state IN ('PENDING', 'RETRY') AND NOT blocked AS waits
                 FROM tasks WHERE finished_at IS NULL AND kind IN ('task', 'map')) AS open
        GROUP BY queue`;
    const found = await retried(() => rows<QueueOverview>(this.database, sql));
    const byName = new Map(found.map((overview) => [overview.queue, overview]));
    return QUEUE_NAMES.map((queue) => byName.get(queue) ?? { ...empty, queue });
  }
}

const empty = { waiting: 0, delayed: 0, running: 0, blocked: 0, oldestMs: null };
