import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { Client } from 'pg';
import { v4 as uuid } from 'uuid';
import { freePort } from '../../src/infrastructure/embedded/free-port.js';
import { template } from './stores-for-a-run.js';

/** A store of one test, gone with `close`. */
export interface Store {
  url: string;
  close(): Promise<void>;
}

/** A copy of the migrated database. */
export async function openDatabase(): Promise<Store> {
  const server = process.env['DARKROOM_TEST_POSTGRES'];
  if (server === undefined) throw new Error('Run the tests with: npm test -- <part of a path>');
  const name = `test_${uuid().replaceAll('-', '')}`;
  await administer(server, `CREATE DATABASE ${name} TEMPLATE ${template}`);
  const url = new URL(server);
  url.pathname = name;
  return {
    url: url.href,
    close: () => administer(server, `DROP DATABASE ${name} WITH (FORCE)`),
  };
}

async function administer(server: string, sql: string): Promise<void> {
  const url = new URL(server);
  url.pathname = 'postgres';
  const client = new Client({ connectionString: url.href });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

export const redisServer = process.env['DARKROOM_TEST_REDIS_SERVER'];
const sharedRedis = process.env['DARKROOM_TEST_REDIS_URL'];
export const hasRedis = redisServer !== undefined || sharedRedis !== undefined;

/** An empty Redis: a server of our own, or a free database of the one that was named. */
export async function openRedis(): Promise<Store> {
  if (sharedRedis !== undefined) return claimRedisDatabase(sharedRedis);
  const redis = await startRedis();
  return { url: redis.url, close: () => redis.stop() };
}

/** A Redis server that a test may kill, freeze and start again (empty). */
export interface RedisServer {
  url: string;
  process: ChildProcess;
  /** kill -9 and gone. */
  kill(): Promise<void>;
  /** Again on the same port, without its data. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

export async function startRedis(): Promise<RedisServer> {
  const folder = await mkdtemp(join(tmpdir(), 'darkroom-redis-'));
  const port = await freePort(undefined);
  const url = `redis://127.0.0.1:${port}/0`;
  const server = {
    url,
    process: await launch(port, folder),
    async kill() {
      const gone = once(server.process, 'exit');
      server.process.kill('SIGKILL');
      await gone;
    },
    async start() {
      server.process = await launch(port, folder);
    },
    async stop() {
      if (server.process.exitCode === null && server.process.signalCode === null) {
        await server.kill();
      }
      await rm(folder, { recursive: true, force: true });
    },
  };
  return server;
}

async function launch(port: number, folder: string): Promise<ChildProcess> {
  const child = spawn(
    redisServer!,
    ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', folder],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  );
  let said = '';
  for await (const chunk of child.stdout) {
    said += String(chunk);
    if (said.includes('Ready to accept connections')) {
      child.stdout.destroy();
      return child;
    }
  }
  throw new Error(`Redis ended before it was ready:\n${said}`);
}

async function claimRedisDatabase(server: string): Promise<Store> {
  const claims = new Redis(server);
  for (let index = 1; index < 16; index++) {
    const claim = `darkroom-test:${index}`;
    if ((await claims.set(claim, '1', 'EX', 900, 'NX')) === null) continue;
    const url = new URL(server);
    url.pathname = `/${index}`;
    const database = new Redis(url.href);
    await database.flushdb();
    return {
      url: url.href,
      close: async () => {
        await database.flushdb();
        await claims.del(claim);
        await Promise.all([database.quit(), claims.quit()]);
      },
    };
  }
  throw new Error('No database of TEST_REDIS_URL is free.');
}
