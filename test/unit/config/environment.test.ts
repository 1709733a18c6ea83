import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { about } from '../../support/about.js';
import {
  EnvironmentError,
  environmentExample,
  readEnvironment,
  type Environment,
} from '../../../src/config/environment.js';

type Env = Record<string, string>;

describe('the environment', () => {
  const accepted: [string, Env, Partial<Environment>][] = [
    [
      'nothing',
      {},
      {
        production: false,
        host: '127.0.0.1',
        port: 3000,
        trustedProxies: [],
        dataDir: '.darkroom',
        databaseUrl: undefined,
        databasePoolSize: 20,
        requestPatienceMs: 8_000,
        queueUrl: undefined,
        engineUrls: [],
        engineRequestsInFlight: 2,
        workerConcurrency: 2,
        workerPool: 'inline',
        workerMaxTasksPerChild: undefined,
        workerMaxMemoryPerChildMb: undefined,
        leaseMs: 6_000,
        reconcileMs: 30_000,
        scheduleTimeZone: 'UTC',
        taskRetentionDays: 30,
        generationRetentionDays: 0,
        idempotencyRetentionDays: 7,
        shutdownGraceMs: undefined,
        logLevel: 'info',
        logFormat: undefined,
      },
    ],
    ['empty strings as nothing', { PORT: ' ', DATABASE_URL: '' }, { port: 3000 }],
    ['variables of others', { PATH: '/bin', SOME_OTHER: 'x' }, { port: 3000 }],
    ['DATABASE_URL', { DATABASE_URL: 'postgres://h/d' }, { databaseUrl: 'postgres://h/d' }],
    [
      'APP_DATABASE_URL',
      { APP_DATABASE_URL: 'postgresql://h/d' },
      { databaseUrl: 'postgresql://h/d' },
    ],
    [
      'DATABASE_URL before APP_DATABASE_URL',
      { DATABASE_URL: 'postgres://a/d', APP_DATABASE_URL: 'postgres://b/d' },
      { databaseUrl: 'postgres://a/d' },
    ],
    [
      'the driver in a URL of SQLAlchemy',
      { DATABASE_URL: 'postgresql+asyncpg://u:p@h:5432/d' },
      { databaseUrl: 'postgresql://u:p@h:5432/d' },
    ],
    [
      'the driver of its synchronous half',
      { APP_DATABASE_URL: 'postgresql+psycopg2://u:p@h/d' },
      { databaseUrl: 'postgresql://u:p@h/d' },
    ],
    ['QUEUE_URL', { QUEUE_URL: 'rediss://h:6380/1' }, { queueUrl: 'rediss://h:6380/1' }],
    ['QUEUE_URL of Postgres', { QUEUE_URL: 'postgres://h/q' }, { queueUrl: 'postgres://h/q' }],
    ['REDIS_URL as the queue', { REDIS_URL: 'redis://h' }, { queueUrl: 'redis://h' }],
    [
      'QUEUE_URL before REDIS_URL',
      { QUEUE_URL: 'redis://a', REDIS_URL: 'redis://b' },
      { queueUrl: 'redis://a' },
    ],
    [
      'REDIS_URL when QUEUE_URL is empty',
      { QUEUE_URL: '', REDIS_URL: 'redis://b' },
      { queueUrl: 'redis://b' },
    ],
    ['HOST', { HOST: '0.0.0.0' }, { host: '0.0.0.0' }],
    [
      'TRUSTED_PROXIES',
      { TRUSTED_PROXIES: '10.0.0.5, 172.16.0.0/12,::1' },
      { trustedProxies: ['10.0.0.5', '172.16.0.0/12', '::1'] },
    ],
    [
      'PUBLIC_ORIGIN',
      { PUBLIC_ORIGIN: 'https://us.example/' },
      { publicOrigin: 'https://us.example' },
    ],
    [
      'DARKROOM_DATA_DIR, spaces around it left out',
      { DARKROOM_DATA_DIR: ' /data ' },
      { dataDir: '/data' },
    ],
    ['TZ_SCHEDULE', { TZ_SCHEDULE: 'Europe/Berlin' }, { scheduleTimeZone: 'Europe/Berlin' }],
    [
      'the periods of retention, 0 for ever',
      {
        TASK_RETENTION_DAYS: '0',
        GENERATION_RETENTION_DAYS: '365',
        IDEMPOTENCY_RETENTION_DAYS: '1',
      },
      { taskRetentionDays: 0, generationRetentionDays: 365, idempotencyRetentionDays: 1 },
    ],
    ['LOG_LEVEL', { LOG_LEVEL: 'debug' }, { logLevel: 'debug' }],
    ['LOG_FORMAT', { LOG_FORMAT: 'pretty' }, { logFormat: 'pretty' }],
    ['NODE_ENV of tests', { NODE_ENV: 'test' }, { production: false }],
    [
      'a password with an escape',
      { REDIS_URL: 'redis://:50%25@h' },
      { queueUrl: 'redis://:50%25@h' },
    ],
    [
      'a Postgres socket',
      { DATABASE_URL: 'postgres:///d?host=/run' },
      { databaseUrl: 'postgres:///d?host=/run' },
    ],
    ['one engine', { APP_SD_API_URL: 'http://h:7860' }, { engineUrls: ['http://h:7860'] }],
    [
      'a list of engines, each once',
      { SD_API_URLS: 'http://a:7860, https://u:p@b/,http://a:7860,' },
      { engineUrls: ['http://a:7860', 'https://u:p@b/'] },
    ],
    [
      'SD_API_URLS before APP_SD_API_URL',
      { SD_API_URLS: 'http://a', APP_SD_API_URL: 'http://b' },
      { engineUrls: ['http://a'] },
    ],
    ['CELERY_WORKER_CONCURRENCY', { CELERY_WORKER_CONCURRENCY: '7' }, { workerConcurrency: 7 }],
    [
      'WORKER_CONCURRENCY before CELERY_WORKER_CONCURRENCY',
      { WORKER_CONCURRENCY: '3', CELERY_WORKER_CONCURRENCY: '7' },
      { workerConcurrency: 3 },
    ],
    ['WORKER_POOL', { WORKER_POOL: 'processes' }, { workerPool: 'processes' }],
    [
      'CELERY_WORKER_MAX_TASKS_PER_CHILD',
      { CELERY_WORKER_MAX_TASKS_PER_CHILD: '50' },
      { workerMaxTasksPerChild: 50 },
    ],
    [
      'WORKER_MAX_TASKS_PER_CHILD before CELERY_WORKER_MAX_TASKS_PER_CHILD',
      { WORKER_MAX_TASKS_PER_CHILD: '0', CELERY_WORKER_MAX_TASKS_PER_CHILD: '50' },
      { workerMaxTasksPerChild: 0 },
    ],
    [
      'production with a database',
      { NODE_ENV: 'production', DATABASE_URL: 'postgres://h/d' },
      { production: true },
    ],
  ];
  for (const [what, env, expected] of accepted) {
    it(`takes ${what}`, () => {
      const read = readEnvironment(env);
      for (const [key, value] of Object.entries(expected)) {
        about(key, () => expect(read[key as keyof Environment]).toEqual(value));
      }
    });
  }

  const limits: [string, keyof Environment, min: number, max: number, unit: number][] = [
    ['PORT', 'port', 0, 65_535, 1],
    ['DATABASE_POOL_SIZE', 'databasePoolSize', 2, 200, 1],
    ['REQUEST_PATIENCE_SECONDS', 'requestPatienceMs', 1, 60, 1000],
    ['SD_REQUESTS_IN_FLIGHT', 'engineRequestsInFlight', 1, 2, 1],
    ['SD_PATIENCE_HOURS', 'enginePatienceMs', 1, 8_760, 3_600_000],
    ['WORKER_CONCURRENCY', 'workerConcurrency', 1, 1000, 1],
    ['CELERY_WORKER_CONCURRENCY', 'workerConcurrency', 1, 1000, 1],
    ['WORKER_MAX_TASKS_PER_CHILD', 'workerMaxTasksPerChild', 0, 1_000_000, 1],
    ['CELERY_WORKER_MAX_TASKS_PER_CHILD', 'workerMaxTasksPerChild', 0, 1_000_000, 1],
    ['WORKER_MAX_MEMORY_PER_CHILD_MB', 'workerMaxMemoryPerChildMb', 1, 1_000_000, 1],
    ['TASK_LEASE_SECONDS', 'leaseMs', 3, 3600, 1000],
    ['RECONCILE_SECONDS', 'reconcileMs', 1, 3600, 1000],
    ['SHUTDOWN_GRACE_SECONDS', 'shutdownGraceMs', 0, 3600, 1000],
    ['TASK_RETENTION_DAYS', 'taskRetentionDays', 0, 36_500, 1],
    ['GENERATION_RETENTION_DAYS', 'generationRetentionDays', 0, 36_500, 1],
    ['CHAT_RETENTION_DAYS', 'chatRetentionDays', 0, 36_500, 1],
    ['IDEMPOTENCY_RETENTION_DAYS', 'idempotencyRetentionDays', 0, 36_500, 1],
  ];
  for (const [name, key, min, max, unit] of limits) {
    it(`takes ${name} from ${min} to ${max}`, () => {
      for (const value of [min, max]) {
        expect(readEnvironment({ [name]: String(value) })[key]).toBe(value * unit);
      }
      expect(refusalOf({ [name]: `${max + 1}` })).toContain(`is not between ${min} and ${max}.`);
      expect(refusalOf({ [name]: `${min - 1}` })).toMatch(/is not (between|a whole number)/);
      for (const value of ['x', '1.5', '1e2', '0x10', '9'.repeat(10)]) {
        expect(refusalOf({ [name]: value })).toContain(
          `${name} ("${value}") is not a whole number`,
        );
      }
    });
  }

  const refused: [string, string, RegExp][] = [
    ['PORT', '-1', /"-1"\) is not a whole number/],
    ['PORT', '3000x', /"3000x"\) is not a whole number/],
    ['NODE_ENV', 'prod', /is wrong/],
    ['DATABASE_URL', 'mysql://h/d', /is not a Postgres URL/],
    ['APP_DATABASE_URL', 'h/d', /is not a Postgres URL/],
    ['QUEUE_URL', 'amqp://h', /is not a queue URL \(redis:\/\/… or rediss:\/\/… or postgres:\/\/…/],
    ['REDIS_URL', 'postgres://h/d', /is not a Redis URL/],
    ['REDIS_URL', 'redis:6379', /is not a Redis URL/],
    ['DATABASE_URL', 'postgres://u:50%off@h/d', /has a % that escapes nothing/],
    ['SD_API_URLS', 'http://a,ftp://b', /is not a comma list of Stable Diffusion API URLs/],
    ['SD_API_URLS', ' , ', /names no server/],
    ['APP_SD_API_URL', 'gpu:7860', /is not a Stable Diffusion API URL/],
    ['S3_BUCKET', 'My Bucket', /is not the name of a bucket/],
    ['S3_FORCE_PATH_STYLE', 'yes', /is wrong/],
    [
      'S3_PUBLIC_BASE_URL',
      'https://cdn.example.com/pictures',
      /is more than scheme, host and port/,
    ],
    ['WORKER_POOL', 'threads', /is wrong/],
    ['LOG_LEVEL', 'verbose', /is wrong/],
    ['LOG_FORMAT', 'xml', /is wrong/],
    ['TZ_SCHEDULE', 'Mars/Olympus', /is not a time zone/],
    ['TZ_SCHEDULE', '+02:00', /is not a time zone/],
  ];
  for (const [name, value, problem] of refused) {
    it(`refuses ${name}=${value} with an example`, () => {
      const message = refusalOf({ [name]: value });
      expect(message).toMatch(problem);
      expect(message).toMatch(new RegExp(`^${name}\\b.*Example: ${name}=\\S+$`));
    });
  }

  it('refuses production without a database (security 44)', () => {
    expect(refusalOf({ NODE_ENV: 'production' })).toMatch(/^DATABASE_URL is not set/);
  });

  it('refuses half of what S3 needs', () => {
    const key = { S3_ACCESS_KEY_ID: 'id', S3_SECRET_ACCESS_KEY: 'hunter2' };
    expect(readEnvironment({ S3_BUCKET: 'pictures', ...key }).s3).toEqual({
      bucket: 'pictures',
      endpoint: undefined,
      region: 'us-east-1',
      credentials: { accessKeyId: 'id', secretAccessKey: 'hunter2' },
      forcePathStyle: false,
      publicBaseUrl: undefined,
    });
    const noUrl = { ...key, S3_BUCKET: 'pictures', S3_ENDPOINT: 'storage.example.com' };
    expect(refusalOf(noUrl)).toMatch(/^S3_ENDPOINT .* is not a web URL/);
    const halves: Env[] = [
      key,
      { S3_ENDPOINT: 'http://s3:8333' },
      { S3_BUCKET: 'pictures', S3_ACCESS_KEY_ID: 'id' },
      { S3_BUCKET: 'pictures', S3_SECRET_ACCESS_KEY: 'hunter2' },
    ];
    for (const half of halves) {
      expect(refusalOf(half)).toMatch(/^S3_\w+ is not set, and S3_\w+ is\. Example: /);
      expect(refusalOf(half)).not.toContain('hunter2');
    }
  });

  it('names every invalid variable at once, one per line', () => {
    const bad = { PORT: 'x', LOG_LEVEL: 'y', QUEUE_URL: 'z', SD_API_URLS: 'a' };
    const lines = refusalOf({ ...bad, NODE_ENV: 'production' }).split('\n');
    const names = lines.map((line) => line.split(' ')[0]);
    expect(new Set(names)).toEqual(new Set([...Object.keys(bad), 'DATABASE_URL']));
    expect(lines.length).toBe(5);
    expect(lines.every((line) => line.includes('. Example: '))).toBe(true);
  });

  for (const name of [
    'DATABASE_URL',
    'APP_DATABASE_URL',
    'QUEUE_URL',
    'REDIS_URL',
    'SD_API_URLS',
    'APP_SD_API_URL',
  ]) {
    it(`never prints what ${name} holds`, () => {
      for (const value of [
        'ftp://user:hunter2@host',
        'hunter2',
        'postgres://:hunter2%@h',
        'http://u:hunter2@h:x',
      ]) {
        expect(refusalOf({ [name]: value, PORT: 'x' })).not.toMatch(/hunter2|ftp:/);
      }
    });
  }
});

it('.env.example names every variable, as in the schema', () => {
  expect(readFileSync('.env.example', 'utf8')).toBe(environmentExample());
});

it('every example in .env.example is a value that works, except a secret, which must be one’s own (security 44)', () => {
  const example: Env = {};
  for (const line of environmentExample().split('\n')) {
    const [, name, value] = /^# ([A-Z_]+)=(.*)$/.exec(line) ?? [];
    if (name !== undefined) example[name] = value!;
  }
  expect(Object.keys(example).length).toBeGreaterThan(15);
  expect(refusalOf(example)).toMatch(/^SECRET_KEY has fewer than 32 characters/);
  delete example['SECRET_KEY'];
  expect(readEnvironment(example).production).toBe(true);
});

it('no secret has a default, and an empty one is none (security 44)', () => {
  for (const value of [undefined, '', ' ']) {
    const env = readEnvironment({ SECRET_KEY: value, SMTP_URL: value, DATABASE_URL: value });
    const { secretKey, smtpUrl, databaseUrl, queueUrl, engineUrls } = env;
    expect([secretKey, smtpUrl, databaseUrl, queueUrl]).toEqual(Array(4).fill(undefined));
    expect(engineUrls).toEqual([]);
  }
  for (const value of ['short', 'k'.repeat(31)]) {
    expect(refusalOf({ SECRET_KEY: value })).toMatch(/^SECRET_KEY has fewer than 32 characters/);
  }
});

it('no other file reads process.env', () => {
  const files = readdirSync('src', { recursive: true, encoding: 'utf8' });
  const readers = files
    .filter((file) => file.endsWith('.ts'))
    .filter((file) => readFileSync(join('src', file), 'utf8').includes('process.env'));
  expect(readers).toEqual([join('config', 'environment.ts')]);
});

function refusalOf(env: Env): string {
  try {
    readEnvironment(env);
  } catch (error) {
    assert.ok(error instanceof EnvironmentError);
    return error.message;
  }
  throw new assert.AssertionError({ message: 'it was accepted' });
}
