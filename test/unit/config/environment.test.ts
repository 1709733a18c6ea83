import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import {
  EnvironmentError,
  environmentExample,
  readEnvironment,
  type Environment,
} from '../../../src/config/environment.js';

type Env = Record<string, string>;

describe('the environment', () => {
  const accepted: [string, Env, Partial<Environment>][] = [
    ['nothing', {}, { port: 3000, host: '127.0.0.1', workerConcurrency: 2, engineUrls: [] }],
    ['empty strings as nothing', { PORT: ' ', DATABASE_URL: '' }, { port: 3000 }],
    ['variables of others', { PATH: '/bin', SOME_OTHER: 'x' }, { port: 3000 }],
    ['PORT at its least', { PORT: '0' }, { port: 0 }],
    ['PORT at its most', { PORT: '65535' }, { port: 65535 }],
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
    ['QUEUE_URL', { QUEUE_URL: 'rediss://h:6380/1' }, { queueUrl: 'rediss://h:6380/1' }],
    ['QUEUE_URL of Postgres', { QUEUE_URL: 'postgres://h/q' }, { queueUrl: 'postgres://h/q' }],
    ['REDIS_URL as the queue', { REDIS_URL: 'redis://h' }, { queueUrl: 'redis://h' }],
    [
      'QUEUE_URL before REDIS_URL',
      { QUEUE_URL: 'redis://a', REDIS_URL: 'redis://b' },
      { queueUrl: 'redis://a' },
    ],
    ['no queue: the database', {}, { queueUrl: undefined }],
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
    ['seconds as milliseconds', { TASK_LEASE_SECONDS: '20' }, { leaseMs: 20_000 }],
    ['a grace of none', { SHUTDOWN_GRACE_SECONDS: '0' }, { shutdownGraceMs: 0 }],
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
        assert.deepEqual(read[key as keyof Environment], value, key);
      }
    });
  }

  const refused: [string, string, RegExp][] = [
    ['PORT', '65536', /"65536"\) is not between 0 and 65535/],
    ['PORT', '-1', /"-1"\) is not a whole number/],
    ['PORT', '3000x', /"3000x"\) is not a whole number/],
    ['NODE_ENV', 'prod', /is wrong/],
    ['DATABASE_URL', 'mysql://h/d', /is not a Postgres URL/],
    ['APP_DATABASE_URL', 'h/d', /is not a Postgres URL/],
    ['DATABASE_POOL_SIZE', '1', /is not between 2 and 200/],
    ['DATABASE_POOL_SIZE', '201', /is not between 2 and 200/],
    ['QUEUE_URL', 'amqp://h', /is not a queue URL \(redis:\/\/… or rediss:\/\/… or postgres:\/\/…/],
    ['REDIS_URL', 'postgres://h/d', /is not a Redis URL/],
    ['SD_API_URLS', 'http://a,ftp://b', /is not a Stable Diffusion API URL/],
    ['APP_SD_API_URL', 'gpu:7860', /is not a Stable Diffusion API URL/],
    ['SD_REQUESTS_IN_FLIGHT', '0', /is not between 1 and 2/],
    ['SD_REQUESTS_IN_FLIGHT', '3', /is not between 1 and 2/],
    ['WORKER_CONCURRENCY', '0', /is not between 1 and 1000/],
    ['CELERY_WORKER_CONCURRENCY', '1001', /is not between 1 and 1000/],
    ['TASK_LEASE_SECONDS', '2', /is not between 3 and 3600/],
    ['RECONCILE_SECONDS', '0', /is not between 1 and 3600/],
    ['SHUTDOWN_GRACE_SECONDS', '3601', /is not between 0 and 3600/],
    ['LOG_LEVEL', 'verbose', /is wrong/],
    ['LOG_FORMAT', 'xml', /is wrong/],
  ];
  for (const [name, value, problem] of refused) {
    it(`refuses ${name}=${value} with an example`, () => {
      const message = refusalOf({ [name]: value });
      assert.match(message, problem);
      assert.match(message, new RegExp(`^${name}\\b.*Example: ${name}=\\S+$`));
    });
  }

  it('refuses production without a database', () => {
    assert.match(refusalOf({ NODE_ENV: 'production' }), /^DATABASE_URL is not set/);
  });

  it('names every bad variable at once, a line each', () => {
    const lines = refusalOf({ PORT: 'x', LOG_LEVEL: 'y', QUEUE_URL: 'z' }).split('\n');
    const names = new Set(lines.map((line) => line.split(' ')[0]));
    assert.deepEqual(names, new Set(['PORT', 'LOG_LEVEL', 'QUEUE_URL']));
    assert.equal(lines.length, 3);
  });

  for (const name of [
    'DATABASE_URL',
    'APP_DATABASE_URL',
    'QUEUE_URL',
    'REDIS_URL',
    'SD_API_URLS',
  ]) {
    it(`never prints what ${name} holds`, () => {
      assert.doesNotMatch(refusalOf({ [name]: 'ftp://user:hunter2@host' }), /hunter2|ftp:/);
    });
  }
});

it('.env.example names every variable, as the schema has it', () => {
  assert.equal(
    readFileSync('.env.example', 'utf8'),
    environmentExample(),
    'run: npm run env:example',
  );
});

it('every example in .env.example is a value that works', () => {
  const example: Env = {};
  for (const line of environmentExample().split('\n')) {
    const [, name, value] = /^# ([A-Z_]+)=(.*)$/.exec(line) ?? [];
    if (name !== undefined) example[name] = value!;
  }
  assert.ok(Object.keys(example).length > 15);
  assert.equal(readEnvironment(example).production, true);
});

it('nobody else reads process.env', () => {
  const files = readdirSync('src', { recursive: true, encoding: 'utf8' });
  const readers = files
    .filter((file) => file.endsWith('.ts'))
    .filter((file) => readFileSync(join('src', file), 'utf8').includes('process.env'));
  assert.deepEqual(readers, [join('config', 'environment.ts')]);
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
