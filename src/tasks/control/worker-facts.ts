import { createRequire } from 'node:module';
import { arch, availableParallelism, platform, totalmem } from 'node:os';
import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { darkroomVersion } from '../../common/version.js';
import { SETTINGS, type Settings } from '../../config/config.module.js';
import { retried, rows } from '../../infrastructure/database/transaction.js';
import { addressOf, type QueueEngine } from '../../infrastructure/queue/queue-engine.js';
import { QUEUE_ENGINE } from '../../infrastructure/queue/queue.module.js';
import type { WorkerConf, WorkerReport } from './command-data.js';

const { version: bullmqVersion } = createRequire(import.meta.url)('bullmq/package.json') as {
  version: string;
};

/** The settings of this process, and the software and machine that it runs on. */
@Injectable()
export class WorkerFacts {
  constructor(
    private readonly database: DataSource,
    @Inject(QUEUE_ENGINE) private readonly engine: QueueEngine,
    @Inject(SETTINGS) private readonly settings: Settings,
  ) {}

  /** Settings that may be shown. Each one is named here, so a new setting stays hidden until it is added. */
  conf(): WorkerConf {
    const { settings } = this;
    return {
      production: settings.production,
      database: addressOf(settings.databaseUrl),
      databasePoolSize: settings.databasePoolSize,
      queue: this.engine.address,
      engines: settings.engineUrls.map((url) => new URL(url).host),
      engineRequestsInFlight: settings.engineRequestsInFlight,
      workerConcurrency: settings.workerConcurrency,
      leaseMs: settings.leaseMs,
      reconcileMs: settings.reconcileMs,
      shutdownGraceMs: settings.shutdownGraceMs,
      logLevel: settings.logLevel,
      logFormat: settings.logFormat ?? null,
    };
  }

  /** What a bug report should contain. @throws UnavailableError when the database is away */
  async report(): Promise<WorkerReport> {
    const [server] = await retried(() =>
      rows<{ version: string }>(
        this.database,
        `SELECT current_setting('server_version') AS version`,
      ),
    );
    return {
      darkroom: darkroomVersion,
      node: process.versions.node,
      bullmq: bullmqVersion,
      postgres: server!.version,
      queueEngine: this.engine.name,
      platform: platform(),
      arch: arch(),
      cpus: availableParallelism(),
      memoryBytes: totalmem(),
    };
  }
}
