import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { DataSource } from 'typeorm';
import { entities } from '../../../src/features.js';
import { dataSourceOptions } from '../../../src/infrastructure/database/data-source.js';
import { migrate } from '../../../src/infrastructure/database/migrate.js';
import { openDatabase, type Store } from '../../support/stores.js';

let store: Store;
let database: DataSource;
before(async () => {
  store = await openDatabase();
  const options = dataSourceOptions({ url: store.url, poolSize: 2, entities });
  database = await new DataSource(options).initialize();
});
after(async () => {
  await database.destroy();
  await store.close();
});

/** Every table, column, index and constraint of ours, as Postgres describes them. */
async function schema(): Promise<unknown> {
  return {
    columns: await database.query(
      `SELECT table_name, column_name, data_type, is_nullable, column_default
         FROM information_schema.columns WHERE table_schema = 'public'
          AND table_name <> 'schema_migrations' ORDER BY 1, 2`,
    ),
    indexes: await database.query(
      `SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
          AND tablename <> 'schema_migrations' ORDER BY 1`,
    ),
    constraints: await database.query(
      `SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace
          AND conrelid::regclass::text <> 'schema_migrations' ORDER BY 1, 2`,
    ),
  };
}

it('each migration can be taken back, and done again to the same schema', async () => {
  const full = await schema();
  const names = (await database.query('SELECT name FROM schema_migrations')).length;
  assert.equal(names, database.migrations.length);
  for (let i = 0; i < names; i++) await database.undoLastMigration();
  assert.deepEqual(await schema(), { columns: [], indexes: [], constraints: [] });
  assert.equal((await migrate(store.url)).length, names);
  assert.deepEqual(await schema(), full);
});

it('many processes may migrate at once', async () => {
  while ((await database.query('SELECT FROM schema_migrations')).length > 0) {
    await database.undoLastMigration();
  }
  const ran = await Promise.all(Array.from({ length: 5 }, () => migrate(store.url)));
  assert.equal(ran.filter((names) => names.length > 0).length, 1);
});

it('the entities fit the schema: every column is there, with its type', async () => {
  for (const { tableName, columns } of database.entityMetadatas) {
    for (const { databaseName, type, isNullable } of columns) {
      const [found] = await database.query(
        `SELECT format_type(atttypid, NULL) AS type, NOT attnotnull AS nullable FROM pg_attribute
          WHERE attrelid = $1::regclass AND attname = $2`,
        [tableName, databaseName],
      );
      assert.ok(found, `${tableName}.${databaseName}`);
      assert.equal(found.nullable, isNullable, `${tableName}.${databaseName} is nullable`);
      const aliases: Record<string, string> = { timestamptz: 'timestamp with time zone' };
      assert.equal(found.type, aliases[String(type)] ?? type, `${tableName}.${databaseName}`);
    }
  }
});
