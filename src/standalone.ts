import { fork } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readEnvironment } from './config/environment.js';
import { AdminKey } from './features/auth/admin-key.js';
import { AuthGate } from './features/auth/auth-gate.js';
import { Readiness } from './features/health/readiness.js';
import { startEmbeddedPostgres } from './infrastructure/embedded/embedded-postgres.js';
import { createHttpApp } from './infrastructure/http/create-http-app.js';
import { serveOpenApi } from './infrastructure/http/openapi.js';
import { fail, prepareStores, settingsOf, stopOnSignal } from './run.js';
import { StandaloneModule } from './standalone.module.js';
import { QUEUE_NAMES } from './tasks/queues.js';
import { TaskWorkers } from './tasks/workers/task-workers.js';

const graceMs = 5_000;
const say = (line: string) => process.stdout.write(`${line}\n`);

/** The stand-in engine: a program of its own that ends with this one. */
function startSketch(): Promise<{ url: string; stop: () => void }> {
  const program = fileURLToPath(new URL('sketch/main.js', import.meta.url));
  const child = fork(program, ['--port', '0'], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  return new Promise((resolve, reject) => {
    child.once('message', (message) => {
      resolve({ url: (message as { url: string }).url, stop: () => child.disconnect() });
    });
    child.once('exit', () => reject(new Error('The stand-in engine did not start.')));
  });
}

try {
  const env = readEnvironment();
  const stops: (() => Promise<void> | void)[] = [];
  let { databaseUrl, engineUrls } = env;
  if (databaseUrl === undefined) {
    say('Starting the embedded Postgres …');
    const dataDir = join(env.dataDir, 'postgres');
    const postgres = await startEmbeddedPostgres({ dataDir, database: 'darkroom' });
    databaseUrl = postgres.url;
    stops.push(() => postgres.stop());
  }
  if (engineUrls.length === 0) {
    say('Starting the stand-in engine …');
    const sketch = await startSketch();
    engineUrls = [sketch.url];
    stops.push(sketch.stop);
  }
  const settings = settingsOf(env, {
    databaseUrl,
    engineUrls,
    shutdownGraceMs: env.shutdownGraceMs ?? graceMs,
    logFormat: env.logFormat ?? 'pretty',
  });
  say('Preparing the database …');
  await prepareStores(settings);
  const app = await createHttpApp(StandaloneModule.with(settings), settings);
  const gate = app.get(AuthGate);
  serveOpenApi(app, {
    version: '0.1.0',
    admit: (q, r) => gate.admit(q, r, { admin: false, page: true }),
  });
  await app.listen(settings.port, settings.host);
  const workers = app.get(TaskWorkers);
  workers.start([...QUEUE_NAMES]);
  const keyFile = join(settings.dataDir, 'admin.key');
  const { key } = await app.get(AdminKey).ensure(keyFile);
  const url = await app.getUrl();
  say(`
Darkroom is ready.

  API          ${url}/api/docs
  Queues       ${url}/admin/queues
  Engine       ${env.engineUrls.length > 0 ? engineUrls.map((u) => new URL(u).host).join(', ') : 'a stand-in that draws sketches; set SD_API_URLS for a real one'}
  Admin key    ${key}   (kept in ${keyFile})

Make a picture:

  curl -s ${url}/api/v1/generate-image/ \\
    -H 'Authorization: Bearer ${key}' -H 'Content-Type: application/json' \\
    -H 'Prefer: wait=60' -d '{"prompt":"a lighthouse at dusk"}'

Ctrl-C stops everything.
`);
  stopOnSignal(async () => {
    app.get(Readiness).setDraining();
    await workers.drain(settings.shutdownGraceMs);
    await app.close();
    for (const stop of stops.toReversed()) await stop();
  });
} catch (error) {
  fail(error);
}
