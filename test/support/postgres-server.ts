import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  startEmbeddedPostgres,
  type EmbeddedPostgres,
} from '../../src/infrastructure/embedded/embedded-postgres.js';
import { freeze } from './frozen-postgres.js';

/** A Postgres of one test's own, which it may freeze and restart. */
export interface PostgresServer {
  url: string;
  /** SIGSTOP to each of its processes, as a machine without a disk or without memory stands still. */
  freeze(): Promise<void>;
  thaw(): void;
  /** Ends every connection, as `pg_ctl restart -m fast` does, and is back on the same port. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export async function startPostgresServer(): Promise<PostgresServer> {
  const dataDir = await realpath(await mkdtemp(join(tmpdir(), 'darkroom-postgres-')));
  const start = () => startEmbeddedPostgres({ dataDir, database: 'darkroom' });
  let postgres: EmbeddedPostgres = await start();
  let thaw = () => {};
  return {
    url: postgres.url,
    freeze: async () => {
      ({ thaw } = await freeze(postgres, join(dataDir, 'cluster')));
    },
    thaw: () => thaw(),
    restart: async () => {
      await postgres.stop();
      postgres = await start();
    },
    stop: async () => {
      thaw();
      await postgres.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
