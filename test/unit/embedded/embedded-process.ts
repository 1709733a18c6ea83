import { Client } from 'pg';
import {
  startEmbeddedPostgres,
  type EmbeddedPostgresOptions,
} from '../../../src/infrastructure/embedded/embedded-postgres.js';
import { EmbeddedPostgresError } from '../../../src/infrastructure/embedded/embedded-postgres.error.js';

/** A Darkroom in small, for tests that kill it: one JSON line for each thing that happens. */
const say = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`);

const options = JSON.parse(process.argv[2] ?? '') as EmbeddedPostgresOptions;
try {
  const postgres = await startEmbeddedPostgres(options);
  const heldOpen = setInterval(() => undefined, 60_000);
  const drain = async () => {
    const client = new Client({ connectionString: postgres.url });
    await client.connect();
    await client.query('SELECT 1');
    await client.end();
    await postgres.stop();
    say({ drained: true });
    clearInterval(heldOpen);
  };
  process.once('SIGINT', () => void drain());
  process.once('SIGTERM', () => void drain());
  const { url, pid, port, firstStart, runAs } = postgres;
  say({ started: { url, pid, port, firstStart, runAs } });
} catch (error) {
  const known = error instanceof EmbeddedPostgresError ? error.code : 'unknown';
  say({ error: { code: known, message: (error as Error).message } });
}
