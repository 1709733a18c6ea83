import { Redis } from 'ioredis';
import type { DataSource } from 'typeorm';
import type { TestStores } from './queue-engines.js';

/** Everything that BullMQ keeps, as text. */
export function queueDump(database: DataSource, { queueUrl }: TestStores): Promise<string> {
  return queueUrl === undefined ? ofPostgres(database) : ofRedis(queueUrl);
}

async function ofPostgres(database: DataSource): Promise<string> {
  const tables = (await database.query(
    `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'bullmq'`,
  )) as { name: string }[];
  const texts = tables.map(async ({ name }) =>
    JSON.stringify(await database.query(`SELECT t::text FROM bullmq."${name}" t`)),
  );
  return (await Promise.all(texts)).join('\n');
}

async function ofRedis(url: string): Promise<string> {
  const redis = new Redis(url);
  try {
    const keys = await redis.keys('*');
    const texts = keys.map(async (key) => `${key} ${JSON.stringify(await read(redis, key))}`);
    return (await Promise.all(texts)).join('\n');
  } finally {
    redis.disconnect();
  }
}

async function read(redis: Redis, key: string): Promise<unknown> {
  const type = await redis.type(key);
  switch (type) {
    case 'string':
      return redis.get(key);
    case 'hash':
      return redis.hgetall(key);
    case 'list':
      return redis.lrange(key, 0, -1);
    case 'set':
      return redis.smembers(key);
    case 'zset':
      return redis.zrange(key, 0, -1);
    case 'stream':
      return redis.xrange(key, '-', '+');
    default:
      throw new Error(`${key} is a ${type}: add it here.`);
  }
}
