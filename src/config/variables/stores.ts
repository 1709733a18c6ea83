import { z } from 'zod';
import { integer, postgresUrl, url } from '../environment-values.js';
import { variable, type Values } from './variable.js';

export const storesVariables = {
  DARKROOM_DATA_DIR: variable(z.string().default('.darkroom'), {
    description: 'Folder for the embedded Postgres, the disk object store and the admin key.',
    example: '.darkroom',
  }),
  DATABASE_URL: variable(postgresUrl.optional(), {
    description: 'Postgres. Wins over APP_DATABASE_URL. Without either, npm start runs its own.',
    example: 'postgres://darkroom:password@localhost:5432/darkroom',
    secret: true,
  }),
  APP_DATABASE_URL: variable(postgresUrl.optional(), {
    description: 'The original name of DATABASE_URL.',
    example: 'postgres://darkroom:password@localhost:5432/darkroom',
    secret: true,
  }),
  DATABASE_POOL_SIZE: variable(integer(2, 200).default(20), {
    description: 'Connections each process may open for its own queries.',
    example: '20',
  }),
  REQUEST_PATIENCE_SECONDS: variable(integer(1, 60).default(8), {
    description:
      'Seconds that a request waits for a database that does not answer, before its 503.',
    example: '8',
  }),
  QUEUE_URL: variable(url('queue', 'redis', 'rediss', 'postgres', 'postgresql').optional(), {
    description:
      'Queue engine, by its scheme: redis, rediss or postgres. Without it REDIS_URL, else the database.',
    example: 'redis://localhost:6379/0',
    secret: true,
  }),
  REDIS_URL: variable(url('Redis', 'redis', 'rediss').optional(), {
    description: 'Redis as the queue engine (the original name).',
    example: 'redis://localhost:6379/0',
    secret: true,
  }),
};

export interface StoresEnvironment {
  dataDir: string;
  /** Undefined: no database is set, and `standalone` starts its own. */
  databaseUrl: string | undefined;
  databasePoolSize: number;
  requestPatienceMs: number;
  /** Undefined: the queue lives in the database. */
  queueUrl: string | undefined;
}

export function storesEnvironment(v: Values<typeof storesVariables>): StoresEnvironment {
  const databaseUrl = v.DATABASE_URL ?? v.APP_DATABASE_URL;
  return {
    dataDir: v.DARKROOM_DATA_DIR,
    databaseUrl: databaseUrl === undefined ? undefined : plainPostgresUrl(databaseUrl),
    databasePoolSize: v.DATABASE_POOL_SIZE,
    requestPatienceMs: v.REQUEST_PATIENCE_SECONDS * 1000,
    queueUrl: v.QUEUE_URL ?? v.REDIS_URL,
  };
}

/** SQLAlchemy writes the driver into the scheme (`postgresql+asyncpg://`); pg does not know it. */
function plainPostgresUrl(value: string): string {
  return value.replace(/^postgresql\+\w+:/, 'postgresql:');
}
