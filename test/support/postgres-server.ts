import { mkdtemp, readdir, readFile, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  startEmbeddedPostgres,
  type EmbeddedPostgres,
} from '../../src/infrastructure/embedded/embedded-postgres.js';

/** A Postgres of one test's own, which it may freeze and restart. */
export interface PostgresServer {
  url: string;
  /** SIGSTOP to each of its processes, as a machine without a disk or without memory stands still. */
  freeze(): Promise<void>;
  thaw(): Promise<void>;
  /** Ends every connection, as `pg_ctl restart -m fast` does, and is back on the same port. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export async function startPostgresServer(): Promise<PostgresServer> {
  const dataDir = await realpath(await mkdtemp(join(tmpdir(), 'darkroom-postgres-')));
  const start = () => startEmbeddedPostgres({ dataDir, database: 'darkroom' });
  let postgres: EmbeddedPostgres = await start();
  const toAll = async (signal: NodeJS.Signals) => {
    for (const pid of await familyOf(postgres.pid)) process.kill(pid, signal);
  };
  const thaw = () => toAll('SIGCONT');
  return {
    url: postgres.url,
    freeze: () => toAll('SIGSTOP'),
    thaw,
    restart: async () => {
      await postgres.stop();
      postgres = await start();
    },
    stop: async () => {
      await thaw().catch(() => {});
      await postgres.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** A process and its children; Linux. The parent first, so that it makes no more of them. */
async function familyOf(parent: number): Promise<number[]> {
  const family = [parent];
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const stat = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '');
    const [, ppid] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (Number(ppid) === parent) family.push(Number(name));
  }
  return family;
}
