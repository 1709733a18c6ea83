import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { about } from '../../support/about.js';
import { DataSource } from 'typeorm';
import { entities } from '../../../src/entities.js';
import { dataSourceOptions } from '../../../src/infrastructure/database/data-source.js';
import { migrate } from '../../../src/infrastructure/database/migrate.js';
import { migrations } from '../../../src/migrations.js';
import { openDatabase, type Store } from '../../support/stores.js';

let store: Store;
let database: DataSource;
beforeAll(async () => {
  store = await openDatabase();
  const options = dataSourceOptions({ url: store.url, poolSize: 2, entities, migrations });
  database = await new DataSource(options).initialize();
});
afterAll(async () => {
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
    triggers: await database.query(
      `SELECT tgrelid::regclass::text, tgname, pg_get_triggerdef(oid) FROM pg_trigger
        WHERE NOT tgisinternal ORDER BY 1, 2`,
    ),
    functions: await database.query(
      `SELECT proname, pg_get_functiondef(oid) FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace ORDER BY 1`,
    ),
  };
}

it('each migration can be reverted and run again, with the same schema', async () => {
  const full = await schema();
  const names = (await database.query('SELECT name FROM schema_migrations')).length;
  expect(names).toBe(database.migrations.length);
  for (let i = 0; i < names; i++) await database.undoLastMigration();
  expect(await schema()).toEqual({
    columns: [],
    indexes: [],
    constraints: [],
    triggers: [],
    functions: [],
  });
  expect((await migrate({ url: store.url, migrations })).length).toBe(names);
  expect(await schema()).toEqual(full);
});

it('pictures get what their tasks were asked for', async () => {
  const gallery = migrations.findIndex(({ name }) => name.startsWith('Gallery'));
  const later = migrations.length - gallery;
  for (let i = 0; i < later; i++) await database.undoLastMigration();
  const payload = { prompt: 'a fox', negative_prompt: '', model: 'asked', chat_id: 'c' };
  await database.query(
    `INSERT INTO tasks (id, name, queue, priority, payload, state, result, run_at, finished_at)
     VALUES ('01890000-0000-7000-8000-000000000001', 't', 'high_priority', 5, $1, 'SUCCESS', $2, now(), now())`,
    [payload, { model: 'used' }],
  );
  await database.query(
    `INSERT INTO generated_images (id, task_id, owner_id, index, width, height, content_type, bytes, sha256, seed)
     SELECT ('01890000-0000-7000-8000-00000000000' || n)::uuid, ('01890000-0000-7000-8000-00000000000' || n)::uuid,
            gen_random_uuid(), 0, 64, 64, 'image/png', 1, '\\x00', 1 FROM generate_series(1, 2) n`,
  );
  await migrate({ url: store.url, migrations });
  const images = await database.query(
    `SELECT prompt, negative_prompt, model, character_name, chat_id, favourite,
            prompt_words @@ 'fox'::tsquery AS found FROM generated_images ORDER BY id`,
  );
  const none = { character_name: null, favourite: false };
  expect(images).toEqual([
    { ...none, prompt: 'a fox', negative_prompt: '', model: 'used', chat_id: 'c', found: true },
    { ...none, prompt: null, negative_prompt: null, model: null, chat_id: null, found: false },
  ]);
});

it('many processes can migrate at once', async () => {
  while ((await database.query('SELECT FROM schema_migrations')).length > 0) {
    await database.undoLastMigration();
  }
  const ran = await Promise.all(
    Array.from({ length: 5 }, () => migrate({ url: store.url, migrations })),
  );
  expect(ran.filter((names) => names.length > 0).length).toBe(1);
});

it('the entities match the schema: every column exists, with its type', async () => {
  for (const { tableName, columns } of database.entityMetadatas) {
    for (const { databaseName, type, isNullable, isArray } of columns) {
      const [found] = await database.query(
        `SELECT format_type(atttypid, NULL) AS type, NOT attnotnull AS nullable FROM pg_attribute
          WHERE attrelid = $1::regclass AND attname = $2`,
        [tableName, databaseName],
      );
      about(`${tableName}.${databaseName}`, () => expect(found).toBeTruthy());
      about(`${tableName}.${databaseName} is nullable`, () =>
        expect(found.nullable).toBe(isNullable),
      );
      const aliases: Record<string, string> = { timestamptz: 'timestamp with time zone' };
      about(`${tableName}.${databaseName}`, () =>
        expect(found.type).toBe(`${aliases[String(type)] ?? String(type)}${isArray ? '[]' : ''}`),
      );
    }
  }
});
