import { existsSync } from 'node:fs';
import { z } from 'zod';
import { isTimeZone } from '../common/time-zone.js';
import {
  addressList,
  concurrency,
  engineUrl,
  engineUrlList,
  integer,
  maxMemoryMb,
  maxTasks,
  postgresUrl,
  url,
  workerPools,
  type WorkerPool,
} from './environment-values.js';

/** What `.env.example` says about a variable, beside the schema that checks it. */
interface VariableNotes {
  description: string;
  example: string;
  /** Never printed, not even in an error. */
  secret?: boolean;
}

const notes = new Map<string, VariableNotes>();

function variable<T extends z.ZodType>(name: string, schema: T, about: VariableNotes): T {
  notes.set(name, about);
  return schema;
}

const days = (name: string, fallback: number, what: string) =>
  variable(name, integer(0, 36_500).default(fallback), {
    description: `Days that ${what}; 0: for ever.`,
    example: String(fallback),
  });

/**
 * The whole environment of every Darkroom process. A name of the original system stands as an
 * alias beside ours. Empty strings count as not set, as compose files produce them.
 */
const schema = z.object({
  NODE_ENV: variable(
    'NODE_ENV',
    z.enum(['development', 'production', 'test']).default('development'),
    {
      description:
        'development, production or test. Production refuses to start without DATABASE_URL.',
      example: 'production',
    },
  ),
  HOST: variable('HOST', z.string().default('127.0.0.1'), {
    description: 'Address the API listens on: 127.0.0.1 for this machine only, 0.0.0.0 for all.',
    example: '0.0.0.0',
  }),
  PORT: variable('PORT', integer(0, 65535).default(3000), {
    description: 'Port the API listens on.',
    example: '3000',
  }),
  TRUSTED_PROXIES: variable('TRUSTED_PROXIES', addressList.default([]), {
    description:
      'Addresses or CIDR blocks of proxies in front of the API, whose X-Forwarded-* headers are believed. Default: none.',
    example: '10.0.0.5,172.16.0.0/12',
  }),
  DARKROOM_DATA_DIR: variable('DARKROOM_DATA_DIR', z.string().default('.darkroom'), {
    description: 'Folder for the embedded Postgres, the disk object store and the admin key.',
    example: '.darkroom',
  }),
  DATABASE_URL: variable('DATABASE_URL', postgresUrl.optional(), {
    description: 'Postgres. Wins over APP_DATABASE_URL. Without either, npm start runs its own.',
    example: 'postgres://darkroom:password@localhost:5432/darkroom',
    secret: true,
  }),
  APP_DATABASE_URL: variable('APP_DATABASE_URL', postgresUrl.optional(), {
    description: 'The original name of DATABASE_URL.',
    example: 'postgres://darkroom:password@localhost:5432/darkroom',
    secret: true,
  }),
  DATABASE_POOL_SIZE: variable('DATABASE_POOL_SIZE', integer(2, 200).default(20), {
    description: 'Connections each process may open for its own queries.',
    example: '20',
  }),
  QUEUE_URL: variable(
    'QUEUE_URL',
    url('queue', 'redis', 'rediss', 'postgres', 'postgresql').optional(),
    {
      description:
        'Queue engine, by its scheme: redis, rediss or postgres. Without it REDIS_URL, else the database.',
      example: 'redis://localhost:6379/0',
      secret: true,
    },
  ),
  REDIS_URL: variable('REDIS_URL', url('Redis', 'redis', 'rediss').optional(), {
    description: 'Redis as the queue engine (the original name).',
    example: 'redis://localhost:6379/0',
    secret: true,
  }),
  SD_API_URLS: variable('SD_API_URLS', engineUrlList.optional(), {
    description:
      'Stable Diffusion servers (A1111 API), separated by commas. user:password@ is sent as Basic auth.',
    example: 'http://gpu-1:7860,http://user:password@gpu-2:7860',
    secret: true,
  }),
  APP_SD_API_URL: variable('APP_SD_API_URL', engineUrl.optional(), {
    description: 'One Stable Diffusion server (the original name). SD_API_URLS wins.',
    example: 'http://localhost:7860',
    secret: true,
  }),
  SD_REQUESTS_IN_FLIGHT: variable('SD_REQUESTS_IN_FLIGHT', integer(1, 2).default(2), {
    description:
      'Requests at once to one Stable Diffusion server: 2 hides its encoding time, 1 keeps strict priority.',
    example: '2',
  }),
  SD_PATIENCE_HOURS: variable('SD_PATIENCE_HOURS', integer(1, 8760).default(24), {
    description:
      'Hours that a picture waits while no Stable Diffusion server answers, before it fails (engine_unavailable).',
    example: '24',
  }),
  WORKER_CONCURRENCY: variable('WORKER_CONCURRENCY', concurrency.optional(), {
    description: 'Tasks a worker runs at once on each of its queues. Default 2.',
    example: '2',
  }),
  CELERY_WORKER_CONCURRENCY: variable('CELERY_WORKER_CONCURRENCY', concurrency.optional(), {
    description: 'The original name of WORKER_CONCURRENCY.',
    example: '2',
  }),
  WORKER_POOL: variable('WORKER_POOL', workerPools.default('inline'), {
    description:
      'Where tasks run: inline, in the worker itself; processes, each in a child process that can be killed.',
    example: 'processes',
  }),
  WORKER_MAX_TASKS_PER_CHILD: variable('WORKER_MAX_TASKS_PER_CHILD', maxTasks.optional(), {
    description: 'Tasks after which a child process is replaced; 0: never. Default 50.',
    example: '50',
  }),
  CELERY_WORKER_MAX_TASKS_PER_CHILD: variable(
    'CELERY_WORKER_MAX_TASKS_PER_CHILD',
    maxTasks.optional(),
    { description: 'The original name of WORKER_MAX_TASKS_PER_CHILD.', example: '50' },
  ),
  WORKER_MAX_MEMORY_PER_CHILD_MB: variable(
    'WORKER_MAX_MEMORY_PER_CHILD_MB',
    maxMemoryMb.optional(),
    {
      description:
        'Megabytes (RSS) above which a child process is replaced after its task. Default: no limit.',
      example: '512',
    },
  ),
  TASK_LEASE_SECONDS: variable('TASK_LEASE_SECONDS', integer(3, 3600).default(6), {
    description: 'Seconds of silence after which a worker has lost its tasks to the others.',
    example: '6',
  }),
  RECONCILE_SECONDS: variable('RECONCILE_SECONDS', integer(1, 3600).default(30), {
    description:
      'Seconds between two comparisons of open tasks with the queue; lost ones are put back.',
    example: '30',
  }),
  TZ_SCHEDULE: variable(
    'TZ_SCHEDULE',
    z.string().refine(isTimeZone, 'is not a time zone').default('UTC'),
    {
      description: 'Time zone of cron schedules that name none, as in the IANA list.',
      example: 'Europe/Berlin',
    },
  ),
  TASK_RETENTION_DAYS: days('TASK_RETENTION_DAYS', 30, 'finished tasks and histories are kept'),
  GENERATION_RETENTION_DAYS: days(
    'GENERATION_RETENTION_DAYS',
    0,
    'finished generations are kept (their images stay)',
  ),
  IDEMPOTENCY_RETENTION_DAYS: days(
    'IDEMPOTENCY_RETENTION_DAYS',
    7,
    'a repeated Idempotency-Key gives the first task',
  ),
  SHUTDOWN_GRACE_SECONDS: variable('SHUTDOWN_GRACE_SECONDS', integer(0, 3600).optional(), {
    description:
      'Seconds that running tasks get to end after SIGTERM. Default 60; 3 under npm start.',
    example: '60',
  }),
  LOG_LEVEL: variable('LOG_LEVEL', z.enum(['debug', 'info', 'warn', 'error']).default('info'), {
    description: 'Least severe line that is written: debug, info, warn or error.',
    example: 'info',
  }),
  LOG_FORMAT: variable('LOG_FORMAT', z.enum(['json', 'pretty']).optional(), {
    description:
      'json, one object a line; pretty for people. Default json, pretty under npm start.',
    example: 'json',
  }),
});

export interface Environment {
  production: boolean;
  host: string;
  port: number;
  /** Addresses or CIDR blocks. */
  trustedProxies: string[];
  dataDir: string;
  /** Undefined: no database was named, and the standalone root starts its own. */
  databaseUrl: string | undefined;
  databasePoolSize: number;
  /** Undefined: the queue lives in the database. */
  queueUrl: string | undefined;
  /** Empty: no engine was named, and the standalone root starts the stand-in. */
  engineUrls: string[];
  engineRequestsInFlight: number;
  enginePatienceMs: number;
  workerConcurrency: number;
  workerPool: WorkerPool;
  /** 0: no limit. Undefined: not set; the process pool has its own default. */
  workerMaxTasksPerChild: number | undefined;
  workerMaxMemoryPerChildMb: number | undefined;
  leaseMs: number;
  reconcileMs: number;
  scheduleTimeZone: string;
  /** Days; 0: for ever. */
  taskRetentionDays: number;
  generationRetentionDays: number;
  idempotencyRetentionDays: number;
  shutdownGraceMs: number | undefined;
  logLevel: 'debug' | 'info' | 'warn' | 'error';
  logFormat: 'json' | 'pretty' | undefined;
}

/** The environment is wrong; the message names each variable, its problem and an example. */
export class EnvironmentError extends Error {
  override readonly name = 'EnvironmentError';
}

/**
 * The environment of this process, with the `.env` file of its folder for what is not set.
 *
 * @throws EnvironmentError
 */
export function processEnvironment(): Environment {
  if (existsSync('.env')) process.loadEnvFile('.env');
  return readEnvironment(process.env);
}

/**
 * Checks an environment.
 *
 * @throws EnvironmentError naming every bad variable at once
 */
export function readEnvironment(env: Record<string, string | undefined>): Environment {
  const set = Object.fromEntries(
    Object.entries(env)
      .map(([name, value]) => [name, value?.trim()])
      .filter(([name, value]) => notes.has(name!) && value !== ''),
  );
  const parsed = schema.safeParse(set);
  const issues = parsed.error?.issues ?? [];
  const problems = issues.map((i) => complaint(String(i.path[0]), i.message, set));
  if (set['NODE_ENV'] === 'production' && !set['DATABASE_URL'] && !set['APP_DATABASE_URL']) {
    problems.push(complaint('DATABASE_URL', 'is not set, and NODE_ENV is production', set));
  }
  if (!parsed.success || problems.length > 0) throw new EnvironmentError(problems.join('\n'));
  const v = parsed.data;
  const databaseUrl = v.DATABASE_URL ?? v.APP_DATABASE_URL;
  return {
    production: v.NODE_ENV === 'production',
    host: v.HOST,
    port: v.PORT,
    trustedProxies: v.TRUSTED_PROXIES,
    dataDir: v.DARKROOM_DATA_DIR,
    databaseUrl: databaseUrl === undefined ? undefined : plainPostgresUrl(databaseUrl),
    databasePoolSize: v.DATABASE_POOL_SIZE,
    queueUrl: v.QUEUE_URL ?? v.REDIS_URL,
    engineUrls: v.SD_API_URLS ?? (v.APP_SD_API_URL === undefined ? [] : [v.APP_SD_API_URL]),
    engineRequestsInFlight: v.SD_REQUESTS_IN_FLIGHT,
    enginePatienceMs: v.SD_PATIENCE_HOURS * 3_600_000,
    workerConcurrency: v.WORKER_CONCURRENCY ?? v.CELERY_WORKER_CONCURRENCY ?? 2,
    workerPool: v.WORKER_POOL,
    workerMaxTasksPerChild: v.WORKER_MAX_TASKS_PER_CHILD ?? v.CELERY_WORKER_MAX_TASKS_PER_CHILD,
    workerMaxMemoryPerChildMb: v.WORKER_MAX_MEMORY_PER_CHILD_MB,
    leaseMs: v.TASK_LEASE_SECONDS * 1000,
    reconcileMs: v.RECONCILE_SECONDS * 1000,
    scheduleTimeZone: v.TZ_SCHEDULE,
    taskRetentionDays: v.TASK_RETENTION_DAYS,
    generationRetentionDays: v.GENERATION_RETENTION_DAYS,
    idempotencyRetentionDays: v.IDEMPOTENCY_RETENTION_DAYS,
    shutdownGraceMs:
      v.SHUTDOWN_GRACE_SECONDS === undefined ? undefined : v.SHUTDOWN_GRACE_SECONDS * 1000,
    logLevel: v.LOG_LEVEL,
    logFormat: v.LOG_FORMAT,
  };
}

/** SQLAlchemy writes the driver into the scheme (`postgresql+asyncpg://`); pg does not know it. */
function plainPostgresUrl(value: string): string {
  return value.replace(/^postgresql\+\w+:/, 'postgresql:');
}

function complaint(name: string, problem: string, set: Record<string, string | undefined>): string {
  const about = notes.get(name);
  const value = set[name];
  const shown = value === undefined || about?.secret ? '' : ` ("${value.slice(0, 60)}")`;
  return `${name}${shown} ${sentence(problem)}. Example: ${name}=${about?.example ?? ''}`;
}

function sentence(problem: string): string {
  if (/^(is|has|names) /.test(problem)) return problem;
  return `is wrong: ${problem.charAt(0).toLowerCase()}${problem.slice(1)}`;
}

/** The text of `.env.example`: every variable with its meaning, all commented out. */
export function environmentExample(): string {
  const lines = [...notes].map(([name, n]) => `# ${n.description}\n# ${name}=${n.example}\n`);
  return `# Every variable Darkroom reads. Copy this file to .env and set what you need;\n# under npm start nothing has to be set.\n\n${lines.join('\n')}`;
}
