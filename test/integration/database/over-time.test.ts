import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import { v4 as uuid } from 'uuid';
import { isOverTime, isTransient } from '../../../src/infrastructure/database/transaction.js';
import { about } from '../../support/about.js';
import { atTestEnd } from '../../support/at-test-end.js';
import { startDarkroom, type TestDarkroom } from '../../support/darkroom.js';
import { eventually } from '../../support/eventually.js';

/** What the server says when a statement ran, waited for a lock, or when its transaction was idle, for too long. */
const codes = ['57014', '55P03', '25P03'];
const body = { prompt: 'a lighthouse', width: 64, height: 64, steps: 1 };
const path = '/api/v1/generate-image';

let darkroom: TestDarkroom;
beforeAll(async () => {
  darkroom = await startDarkroom('postgres', { settings: { leaseMs: 120_000 } });
  await darkroom.database.query(`
    CREATE FUNCTION too_late() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF nextval('inserts') <= TG_ARGV[1]::int THEN
        RAISE EXCEPTION 'too late' USING ERRCODE = TG_ARGV[0];
      END IF;
      RETURN NEW;
    END $$`);
});
afterAll(() => darkroom.close());

/** The next `times` inserts into `table` fail with `code`. A sequence counts them, as no rollback resets it. */
async function failing(table: string, code: string, times: number) {
  const { database } = darkroom;
  await eventually('nobody else inserts', async () => {
    return (await database.query('SELECT FROM tasks WHERE finished_at IS NULL')).length === 0;
  });
  await database.query(`CREATE SEQUENCE inserts`);
  await database.query(`
    CREATE TRIGGER too_late BEFORE INSERT ON ${table} FOR EACH STATEMENT
    EXECUTE FUNCTION too_late('${code}', ${times})`);
  const end = async () => {
    await database.query(`DROP TRIGGER IF EXISTS too_late ON ${table}`);
    await database.query('DROP SEQUENCE IF EXISTS inserts');
  };
  atTestEnd(end);
  return {
    end,
    tried: async () => {
      const [{ n }] = await database.query('SELECT last_value::int AS n FROM inserts');
      return n as number;
    },
  };
}

it('the server says so when a statement takes too long or waits for a lock for too long', async () => {
  const { database } = darkroom;
  const errorOf = (...statements: string[]) =>
    database.transaction(async (tx) => {
      for (const sql of statements) await tx.query(sql);
    });
  const slow = errorOf(`SET LOCAL statement_timeout = 20`, `SELECT pg_sleep(30)`);
  const locked = database.transaction(async (tx) => {
    await tx.query('LOCK TABLE chats');
    await errorOf(`SET LOCAL lock_timeout = 20`, `LOCK TABLE chats`);
  });
  for (const failed of [slow, locked]) {
    const error = await failed.catch((reason: unknown) => reason);
    about(error, () => expect([isTransient(error), isOverTime(error)]).toEqual([true, true]));
  }
});

for (const code of codes) {
  it(`${code} once: a request is accepted all the same`, async () => {
    const { tried } = await failing('tasks', code, 1);
    expect((await darkroom.post(path, body)).status).toBe(202);
    expect(await tried()).toBeGreaterThan(1);
  });

  it(`${code} each time: a request gets 503, and its statement is not repeated for ever`, async () => {
    const { tried } = await failing('tasks', code, 1_000);
    expect((await darkroom.post(path, body)).status).toBe(503);
    expect(await tried()).toBeLessThanOrEqual(3);
  });

  it(`${code} at the end of a picture: it is written later, without a retry or a second drawing`, async () => {
    const { tried } = await failing('generated_images', code, 4);
    const prompt = `drawn with ${code}`;
    const drawn = darkroom.sketch.state().jobs.length;
    const id = await darkroom.generate({ ...body, prompt });
    expect((await darkroom.finished(id)).status).toBe('SUCCESS');
    expect(await tried()).toBe(5);
    const [task] = await darkroom.database.query(
      'SELECT retries, crashes, attempt FROM tasks WHERE id = $1',
      [id],
    );
    expect(task).toEqual({ retries: 0, crashes: 0, attempt: 1 });
    expect(darkroom.sketch.state().jobs.length).toBe(drawn + 1);
  });
}

it('a repeat with an Idempotency-Key that waits for its lock is told so at once', async () => {
  const { tried } = await failing('idempotency_keys', '55P03', 1_000);
  const answer = await darkroom.post(path, body, { 'idempotency-key': uuid() });
  expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([
    409,
    'idempotency_in_progress',
  ]);
  expect(await tried()).toBe(1);
});

it('a write that is too slow at every try is a failure, which is retried as any other', async () => {
  const { end, tried } = await failing('generated_images', '57014', 1_000_000);
  const id = await darkroom.generate(body);
  await eventually('it is tried', async () => (await tried()) > 2);
  // As if that had lasted for a minute.
  const now = performance.now.bind(performance);
  const clock = jest.spyOn(performance, 'now').mockImplementation(() => now() + 61_000);
  const task = await eventually('it has failed', async () => {
    const [found] = await darkroom.database.query(
      'SELECT retries, crashes, error FROM tasks WHERE id = $1 AND retries > 0',
      [id],
    );
    return found;
  });
  clock.mockRestore();
  expect([task.retries, task.crashes, task.error.code]).toEqual([1, 0, 'handler_error']);
  await end();
});
