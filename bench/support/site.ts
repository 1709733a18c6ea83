import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DataSource } from 'typeorm';
import { dataSourceOptions } from '../../src/infrastructure/database/data-source.js';
import { eventually } from '../../test/support/eventually.js';
import { endProcess, startProcess, type TestProcess } from '../../test/support/processes.js';
import { openStores, type QueueEngineName } from '../../test/support/queue-engines.js';

export const engines: QueueEngineName[] = ['postgres', 'redis'];

/** Stores with one queue engine, and Darkroom's processes on them as in production. */
export interface Site {
  database: DataSource;
  env: Record<string, string | undefined>;
  /** @param ready what it writes when it is ready */
  start(program: string, ready: string, env?: Env): Promise<TestProcess>;
  startApi(env?: Env): Promise<Api>;
  /** An HTTP program that starts by itself and has a key file: API or standalone. */
  startHttp(program: string, env?: Env): Promise<Api>;
  end(process: TestProcess): Promise<void>;
  close(): Promise<void>;
}

type Env = Record<string, string>;

export interface Api {
  url: string;
  key: string;
  process: TestProcess;
}

export async function openSite(engine: QueueEngineName): Promise<Site> {
  const stores = await openStores(engine);
  const dataDir = await mkdtemp(join(tmpdir(), 'darkroom-bench-'));
  const database = new DataSource(dataSourceOptions({ url: stores.databaseUrl, poolSize: 8 }));
  await database.initialize();
  const env = {
    DATABASE_URL: stores.databaseUrl,
    QUEUE_URL: stores.queueUrl,
    DARKROOM_DATA_DIR: dataDir,
    PORT: '0',
    // For profiles, as in BENCH_NODE_OPTIONS='--prof'.
    NODE_OPTIONS: process.env['BENCH_NODE_OPTIONS'],
  };
  const processes = new Set<TestProcess>();
  const site: Site = {
    database,
    env,
    start: async (program, ready, more = {}) => {
      const started = startProcess(program, [], { ...env, ...more });
      processes.add(started);
      await started.says(ready, 60_000);
      return started;
    },
    startApi: (more) => site.startHttp('src/main.js', more),
    startHttp: async (program, more) => {
      const process = await site.start(program, '', more);
      await process.says(/http:\/\/127\.0\.0\.1:\d+/, 60_000);
      const [url] = /http:\/\/127\.0\.0\.1:\d+/.exec(process.output())!;
      const key = (await readFile(join(dataDir, 'admin.key'), 'utf8')).trim();
      return { url, key, process };
    },
    end: async (process) => {
      processes.delete(process);
      process.kill('SIGTERM');
      await process.ended();
    },
    close: async () => {
      for (const process of processes) await endProcess(process);
      await database.destroy();
      await stores.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
  return site;
}

/** Until every task is known to the queue. @returns milliseconds it took */
export async function dispatched({ database }: Site): Promise<number> {
  // Written as in its index; otherwise each look would read a whole backlog.
  return emptied(database, 'finished_at IS NULL AND NOT blocked AND queue_check_at IS NULL');
}

/** Until every task has ended. @returns milliseconds it took */
export async function settled({ database }: Site): Promise<number> {
  return emptied(database, 'finished_at IS NULL');
}

async function emptied(database: DataSource, open: string): Promise<number> {
  const start = performance.now();
  const none = async () => {
    return (await database.query(`SELECT FROM tasks WHERE ${open} LIMIT 1`)).length === 0;
  };
  await eventually(`no task has ${open}`, none, 300_000);
  return performance.now() - start;
}
