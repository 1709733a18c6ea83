import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { rows } from '../../infrastructure/database/transaction.js';
import { QUEUE_NAMES, type QueueName } from '../definitions/queues.js';

/** Of a longer queue only this many tasks are counted. */
export const mostCounted = 100_000;

export interface QueueLength {
  queue: QueueName;
  /** Tasks that may run now: at most {@link mostCounted}. */
  waiting: number;
  /** Tasks that are due later, retries included: at most {@link mostCounted}. */
  delayed: number;
  running: number;
  /** How long the oldest task that may run now has been due, in milliseconds; null: none is waiting. */
  oldestMs: number | null;
}

/** SQL: the tasks of the index `tasks_waiting`. */
const waits = `state IN ('PENDING', 'RETRY') AND NOT blocked AND kind IN ('task', 'map')
  AND tasks.queue = served.queue`;

/** SQL of {@link QueueLengths}. $1: names of queues. */
export const lengths = `
  SELECT served.queue, waiting, delayed, running,
         (extract(epoch FROM now() - oldest) * 1000)::float8 AS "oldestMs"
    FROM unnest($1::text[]) AS served (queue),
 LATERAL (SELECT count(*)::int AS waiting FROM
           (SELECT FROM tasks WHERE ${waits} AND run_at <= now() LIMIT ${mostCounted}) AS due) AS w,
 LATERAL (SELECT count(*)::int AS delayed FROM
           (SELECT FROM tasks WHERE ${waits} AND run_at > now() LIMIT ${mostCounted}) AS later) AS d,
 LATERAL (SELECT min(run_at) AS oldest FROM tasks WHERE ${waits} AND run_at <= now()) AS o,
 LATERAL (SELECT count(*)::int AS running FROM tasks
           WHERE state = 'STARTED' AND kind IN ('task', 'map') AND tasks.queue = served.queue) AS r`;

/** How long the queues are, up to a bound: cheap with a million tasks, unlike `QueueOverviews`. For metrics. */
@Injectable()
export class QueueLengths {
  constructor(private readonly database: DataSource) {}

  /** All queues, most urgent first. */
  read(): Promise<QueueLength[]> {
    return rows<QueueLength>(this.database, lengths, [QUEUE_NAMES]);
  }
}
