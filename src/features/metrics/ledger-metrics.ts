import { Inject, Injectable } from '@nestjs/common';
import type { Gauge } from 'prom-client';
import { SETTINGS, type Settings } from '../../config/config.module.js';
import { QUEUE_ENGINE } from '../../infrastructure/queue/queue.module.js';
import type { QueueEngine } from '../../infrastructure/queue/queue-engine.js';
import { QueueLengths, type QueueLength } from '../../tasks/operations/queue-lengths.js';
import { Spool } from '../stored-files/spool.js';
import { Metrics } from './metrics.js';
import { Reading } from './reading.js';

/**
 * What all processes share: the queues and what waits for the storage, read from the database at a scrape. The
 * processes of the API show it, as there are few of them. While the database does not answer, it is not shown.
 */
@Injectable()
export class LedgerMetrics {
  constructor(
    metrics: Metrics,
    lengths: QueueLengths,
    spool: Spool,
    @Inject(QUEUE_ENGINE) engine: QueueEngine,
    @Inject(SETTINGS) { spoolMaxBytes }: Pick<Settings, 'spoolMaxBytes'>,
  ) {
    const queues = new Reading(() => lengths.read());
    const spooled = new Reading(() => spool.recentSize());
    const ofQueues = (
      name: string,
      help: string,
      labels: string[],
      set: (gauge: Gauge, row: QueueLength) => void,
    ) =>
      metrics.gauge({
        name,
        help,
        labelNames: ['queue', ...labels],
        async collect() {
          this.reset();
          for (const row of (await queues.latest()) ?? []) set(this, row);
        },
      });
    ofQueues(
      'darkroom_queue_tasks',
      'Open tasks of a queue: waiting, delayed or running. Counted up to 100,000.',
      ['state'],
      (gauge, { queue, waiting, delayed, running }) => {
        gauge.set({ queue, state: 'waiting' }, waiting);
        gauge.set({ queue, state: 'delayed' }, delayed);
        gauge.set({ queue, state: 'running' }, running);
      },
    );
    ofQueues(
      'darkroom_queue_oldest_seconds',
      'How long the task that waits the longest has been due; 0: none is waiting.',
      [],
      (gauge, { queue, oldestMs }) => gauge.set({ queue }, (oldestMs ?? 0) / 1_000),
    );
    metrics.gauge({
      name: 'darkroom_database_up',
      help: '1: the database answered within two seconds.',
      async collect() {
        this.set(Number((await queues.latest()) !== undefined));
      },
    });
    const pinged = new Reading(() => engine.ping().then(() => 'pong'));
    metrics.gauge({
      name: 'darkroom_queue_store_up',
      help: '1: the store of the queues answered within two seconds.',
      async collect() {
        this.set(Number((await pinged.latest()) !== undefined));
      },
    });
    const ofSpool = (name: string, help: string, value: (size: SpoolSize) => number) =>
      metrics.gauge({
        name,
        help,
        async collect() {
          const size = await spooled.latest();
          if (size === undefined) this.remove();
          else this.set(value(size));
        },
      });
    ofSpool('darkroom_spool_bytes', 'Bytes that wait for the storage.', ({ bytes }) => bytes);
    ofSpool('darkroom_spool_oldest_seconds', 'Age of the oldest of them.', ({ oldestAt }) =>
      oldestAt === null ? 0 : (Date.now() - oldestAt.getTime()) / 1_000,
    );
    metrics
      .gauge({
        name: 'darkroom_spool_max_bytes',
        help: 'Most bytes that may wait (SPOOL_MAX_BYTES); 0: no limit.',
      })
      .set(spoolMaxBytes);
  }
}

type SpoolSize = Awaited<ReturnType<Spool['recentSize']>>;
