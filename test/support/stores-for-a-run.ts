import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { migrate } from '../../src/infrastructure/database/migrate.js';
import { startEmbeddedPostgres } from '../../src/infrastructure/embedded/embedded-postgres.js';
import { createQueueEngine } from '../../src/infrastructure/queue/create-queue-engine.js';
import { migrations } from '../../src/migrations.js';

export const template = 'darkroom_template';

export interface Stores {
  /** For the test processes; see stores.ts. */
  env: Record<string, string>;
  /** Said when the Redis half cannot run. */
  leftOut: string | undefined;
  stop(): Promise<void>;
}

/**
 * One Postgres for all test files, with a migrated database to copy; and whether there is a Redis.
 *
 * @param durable as in production: slower, and for benchmarks
 */
export async function startStores({ durable = false } = {}): Promise<Stores> {
  const dataDir = await mkdtemp(join(tmpdir(), 'darkroom-test-'));
  const postgres = await startEmbeddedPostgres({
    dataDir,
    database: template,
    durable,
    settings: { max_connections: '400', ...(!durable && { shared_buffers: '64MB' }) },
  });
  await migrate({ url: postgres.url, migrations });
  const queue = createQueueEngine(postgres.url);
  await queue.prepare();
  await queue.close();
  const redis = redisEnv();
  return {
    env: { DARKROOM_TEST_POSTGRES: postgres.url, ...redis },
    leftOut: redis
      ? undefined
      : 'Left out: everything on Redis. Put a redis-server on the PATH (Debian: apt-get install redis-server) or set TEST_REDIS_URL.',
    stop: async () => {
      await postgres.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

function redisEnv(): Record<string, string> | undefined {
  const url = process.env['TEST_REDIS_URL'];
  if (url) return { DARKROOM_TEST_REDIS_URL: url };
  try {
    execFileSync('redis-server', ['--version'], { stdio: 'ignore' });
    return { DARKROOM_TEST_REDIS_SERVER: 'redis-server' };
  } catch {
    return undefined;
  }
}
