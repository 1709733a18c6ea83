import type { Settings } from '../../config/config.module.js';
import { readEnvironment } from '../../config/environment.js';

/** Settings of a service that sends tasks and runs none itself. */
export interface ProducerOptions {
  /** Darkroom's database, `postgres://…`. Start Darkroom first: it creates the tables. */
  databaseUrl: string;
  /** The QUEUE_URL of the workers. Default: the queues are in the database. */
  queueUrl?: string;
  /** The service's own entities in this database, so that its rows and its tasks can share a transaction. */
  entities?: (new () => object)[];
}

/** Settings for a producer: the given stores, defaults for the rest. @throws EnvironmentError when a URL is wrong */
export function producerSettings({ databaseUrl, queueUrl }: ProducerOptions): Settings {
  const env = readEnvironment({ DATABASE_URL: databaseUrl, QUEUE_URL: queueUrl });
  return {
    ...env,
    databaseUrl: env.databaseUrl ?? databaseUrl,
    shutdownGraceMs: 0,
    // A producer runs no tasks.
    childProgram: '',
    isChild: false,
  };
}
