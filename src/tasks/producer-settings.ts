import type { Settings } from '../config/config.module.js';
import { readEnvironment } from '../config/environment.js';

/** Where a service sends that runs no tasks itself. */
export interface ProducerOptions {
  /** Darkroom's database, `postgres://…`. Darkroom makes its tables; start that first. */
  databaseUrl: string;
  /** As the workers' QUEUE_URL. Default: the queue lives in the database. */
  queueUrl?: string;
  /** The service's own entities in that database: its rows and its tasks can share a transaction. */
  entities?: (new () => object)[];
}

/** Defaults for everything but the stores. @throws EnvironmentError when a URL is wrong */
export function producerSettings({ databaseUrl, queueUrl }: ProducerOptions): Settings {
  const env = readEnvironment({ DATABASE_URL: databaseUrl, QUEUE_URL: queueUrl });
  return {
    ...env,
    databaseUrl: env.databaseUrl ?? databaseUrl,
    shutdownGraceMs: 0,
    // It runs nothing.
    childProgram: '',
    isChild: false,
  };
}
