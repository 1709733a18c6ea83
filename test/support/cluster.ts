import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { atTestEnd } from './at-test-end.js';
import { DataSource } from 'typeorm';
import { dataSourceOptions } from '../../src/infrastructure/database/data-source.js';
import { createSketch, type Sketch } from '../../src/sketch/sketch-server.js';
import { eventually } from './eventually.js';
import { endProcess, startProcess, type TestProcess } from './processes.js';
import { freePort } from '../../src/infrastructure/embedded/free-port.js';

/** Darkroom as in production: an API process, worker processes, an engine; on the given stores. */
export interface Cluster {
  url: string;
  api: TestProcess;
  worker: TestProcess;
  sketch: Sketch;
  database: DataSource;
  settings: { dataDir: string };
  post(prompt: string): Promise<Response>;
  /** Of a generation. */
  status(id: string): Promise<Response>;
  /** With the admin's key. */
  get(path: string): Promise<Response>;
  /** Waits until every task has ended. */
  settled(): Promise<void>;
  startWorker(env?: Record<string, string>): Promise<TestProcess>;
}

export async function startCluster(
  stores: { databaseUrl: string; queueUrl: string | undefined },
  sketch: Sketch = createSketch({ stepMs: 5, modelSwitchMs: 0 }),
  engineUrl?: string,
  changes: Record<string, string> = {},
): Promise<Cluster> {
  const dataDir = await mkdtemp(join(tmpdir(), 'darkroom-cluster-'));
  const port = await freePort(undefined);
  const url = `http://127.0.0.1:${port}`;
  const env = {
    DATABASE_URL: stores.databaseUrl,
    QUEUE_URL: stores.queueUrl,
    DARKROOM_DATA_DIR: dataDir,
    SD_API_URLS: engineUrl ?? (await sketch.listen()),
    PORT: String(port),
    TASK_LEASE_SECONDS: '3',
    RECONCILE_SECONDS: '1',
    SHUTDOWN_GRACE_SECONDS: '5',
    ...changes,
  };
  const processes: TestProcess[] = [];
  const start = async (program: string, ready: string, more = {}) => {
    const started = startProcess(program, [], { ...env, ...more });
    processes.push(started);
    await started.says(ready);
    return started;
  };
  const startWorker = (more = {}) => start('src/worker.js', 'Serving', more);
  const api = await start('src/main.js', 'Listening');
  const worker = await startWorker();
  const options = dataSourceOptions({ url: stores.databaseUrl, poolSize: 2 });
  const database = await new DataSource(options).initialize();
  atTestEnd(async () => {
    await database.destroy();
    for (const process of processes) await endProcess(process);
    await sketch.close();
    await rm(dataDir, { recursive: true, force: true });
  });
  const key = (await readFile(join(dataDir, 'admin.key'), 'utf8')).trim();
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  return {
    url,
    api,
    worker,
    sketch,
    database,
    settings: { dataDir },
    startWorker,
    post: (prompt) =>
      fetch(`${url}/api/v1/generate-image/`, {
        method: 'POST',
        headers,
        body: JSON.stringify({ prompt, width: 64, height: 64, steps: 2 }),
      }),
    status: (id) => fetch(`${url}/api/v1/generation-status/${id}`, { headers }),
    get: (path) => fetch(url + path, { headers }),
    settled: async () => {
      // A backlog may take its time, as long as it gets smaller.
      for (let left = await openTasks(database); left > 0;) {
        left = await eventually(`one more of ${left} open tasks is over`, async () => {
          const now = await openTasks(database);
          return now < left && { now };
        }).then(({ now }) => now);
      }
    },
  };
}

async function openTasks(database: DataSource): Promise<number> {
  const [{ n }] = await database.query(
    `SELECT count(*)::int AS n FROM tasks WHERE finished_at IS NULL`,
  );
  return n;
}

/** Posts one request after the other, and asks how each is, until `stop` is called. */
export function keepPosting(cluster: Cluster, pauseMs = 50) {
  const stopping = new AbortController();
  const statuses: number[] = [];
  const looks: number[] = [];
  const accepted: string[] = [];
  const done = (async () => {
    for (let n = 1; !stopping.signal.aborted; n++) {
      const response = await cluster.post(`picture ${n}`);
      statuses.push(response.status);
      const body = (await response.json()) as { task_id?: string };
      if (response.status === 202) {
        accepted.push(body.task_id!);
        const status = await cluster.status(body.task_id!);
        await status.arrayBuffer();
        looks.push(status.status);
      }
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  })();
  return {
    /** Of all answers to a post so far. */
    statuses,
    /** And to a question how a task is. */
    looks,
    accepted,
    stop: async () => {
      stopping.abort();
      await done;
    },
  };
}
