import { randomBytes } from 'node:crypto';
import { DataSource } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { ApiKeys } from '../../src/features/auth/api-keys.js';
import { dataSourceOptions } from '../../src/infrastructure/database/data-source.js';
import { openStores, type QueueEngineName } from '../../test/support/queue-engines.js';
import { median, perSecond } from '../support/figures.js';
import { Samples } from '../support/samples.js';
import { sized } from '../support/sizes.js';
import { printTable } from '../support/table.js';

/** What each request pays for the check of its key, beside the smallest question to the same Postgres. */
const atOnce = 64;
const many = sized(10_000, 20);
const rounds = sized(5, 1);
const count = sized(2_000, 10);

async function oneByOne(work: () => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let n = 0; n < count; n++) {
    const start = performance.now();
    await work();
    times.push(performance.now() - start);
  }
  return median(times);
}

async function together(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  let left = count * 4;
  const lane = async () => {
    while (left-- > 0) await work();
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  return perSecond(count * 4, performance.now() - start);
}

async function addUser(database: DataSource): Promise<string> {
  const id = uuidv7();
  const sql = `INSERT INTO users (id, name, role, plan) VALUES ($1, $2, 'user', 'standard')`;
  await database.query(sql, [id, id]);
  return id;
}

/** Keys of others, which nobody can use. */
async function fill(database: DataSource): Promise<void> {
  const prefixes = Array.from({ length: many }, () => randomBytes(6).toString('hex'));
  await database.query(
    `INSERT INTO api_keys (id, user_id, prefix, digest, name, scopes)
     SELECT gen_random_uuid(), $1, prefix, sha256(prefix::bytea), '', '{}' FROM unnest($2::text[]) prefix`,
    [await addUser(database), prefixes],
  );
  await database.query('VACUUM ANALYZE api_keys');
}

async function measure(engine: QueueEngineName): Promise<Samples> {
  const samples = new Samples();
  const stores = await openStores(engine);
  const database = new DataSource(dataSourceOptions({ url: stores.databaseUrl, poolSize: 8 }));
  await database.initialize();
  try {
    const keys = new ApiKeys(database);
    const { key } = await keys.create(await addUser(database));
    const check = async () => {
      if ((await keys.ownerOf(key)) === undefined) throw new Error('the key was refused');
    };
    const few: number[] = [];
    for (let round = 0; round < rounds; round++) few.push(await oneByOne(check));
    await fill(database);
    for (let round = 0; round < rounds; round++) {
      const ask = await oneByOne(() => database.query('SELECT 1'));
      const alone = await oneByOne(check);
      const rate = await together(check);
      samples.note({
        alone: alone / ask,
        rate,
        each: 1000 / rate / alone,
        crowded: alone / few[round]!,
      });
    }
    return samples;
  } finally {
    await database.destroy();
    await stores.close();
  }
}

const [postgres, redis] = [await measure('postgres'), await measure('redis')];
const row = Samples.rows(postgres, redis);
printTable({
  title: 'keys: what the check of an API key costs a request',
  rows: [
    row('one at a time, p50 : SELECT 1', 'alone', '×'),
    row(`${atOnce} at once, each : one at a time`, 'each', '×'),
    row(`checked, ${atOnce} at once`, 'rate', '/s'),
    row(`p50 with ${many.toLocaleString('en')} other keys : none`, 'crowded', '×', '≈ 1'),
  ],
  limit:
    'Round trips. Nothing is cached, so a revoked key ends with the next request; keys that come at the same ' +
    'time share one query. The queue takes no part, so the columns are two runs of the same.',
});
