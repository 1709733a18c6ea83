import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, it, jest } from '@jest/globals';
import { Client, Pool } from 'pg';
import { DataSource } from 'typeorm';
import { checkDatabase } from '../../../src/cli/stores.js';
import { dataSourceOptions } from '../../../src/infrastructure/database/data-source.js';
import { prepareDatabase } from '../../../src/infrastructure/embedded/prepare-database.js';
import { PostgresQueueEngine } from '../../../src/infrastructure/queue/postgres-queue-engine.js';
import { about } from '../../support/about.js';

const url = 'postgresql://user:password@127.0.0.1:1/darkroom';
const queueEngine = () => new PostgresQueueEngine(url);

/** Everything in the product that opens connections, by the file that makes its clients. */
const connecting: [file: string, connect: () => Promise<unknown>][] = [
  ['cli/commands/queues.ts', () => new DataSource(dataSourceOptions(small)).initialize()],
  ['cli/stores.ts', () => checkDatabase(url)],
  [
    'infrastructure/database/migrate.ts',
    () => new DataSource(dataSourceOptions(small)).initialize(),
  ],
  [
    'infrastructure/embedded/prepare-database.ts',
    () => prepareDatabase(1, { password: 'x', adminPassword: 'x' }, 'darkroom'),
  ],
  ['infrastructure/queue/postgres-queue-engine.ts', () => queueEngine().ping()],
  [
    'infrastructure/queue/postgres-queue-engine.ts',
    // As BullMQ does.
    () => new Pool(queueEngine().options.connection).connect(),
  ],
];
const small = { url, poolSize: 1 };

interface Limits {
  query_timeout: unknown;
  statement_timeout: unknown;
}
const seen: Limits[] = [];

function refuse(this: Client, done?: (error: Error) => void) {
  seen.push((this as unknown as { connectionParameters: Limits }).connectionParameters);
  const error = new Error('There is no server.');
  return done ? done(error) : Promise.reject(error);
}

beforeEach(() => {
  seen.length = 0;
  jest.spyOn(Client.prototype, 'connect').mockImplementation(refuse as never);
});

for (const [file, connect] of connecting) {
  it(`a connection of ${file} ends a statement itself, after the server should have`, async () => {
    await expect(connect()).rejects.toThrow();
    expect(seen.length).toBeGreaterThan(0);
    for (const { query_timeout: client, statement_timeout: server } of seen) {
      about(JSON.stringify({ client, server }), () => {
        expect(Number(server)).toBeGreaterThan(0);
        expect(Number(client)).toBeGreaterThan(Number(server));
      });
    }
  });
}

it('nothing else makes clients of Postgres', () => {
  const client = /new ((Steady|Preparing)?Client|Pool|DataSource)\(/;
  const making = readdirSync('src', { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .filter((name) => client.test(readFileSync(join('src', name), 'utf8')));
  expect(making.toSorted()).toEqual([...new Set(connecting.map(([file]) => file))]);
});
