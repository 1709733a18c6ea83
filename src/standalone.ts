import { join } from 'node:path';
import { Logger } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Settings } from './config/config.module.js';
import { processEnvironment, type Environment } from './config/environment.js';
import { AdminKey } from './features/auth/admin-key.js';
import { Readiness } from './features/health/readiness.js';
import { startEmbeddedPostgres } from './infrastructure/embedded/embedded-postgres.js';
import { writeRunningFile } from './infrastructure/embedded/running-file.js';
import { startStandInEngine } from './infrastructure/embedded/stand-in-engine.js';
import { createLogger } from './infrastructure/http/logger.js';
import { addressOf } from './infrastructure/queue/queue-engine.js';
import { createApi, fail, prepareStores, settingsOf, stopOnSignal } from './run.js';
import { StandaloneModule } from './standalone.module.js';
import { QUEUE_NAMES } from './tasks/queues.js';
import { TaskWorkers } from './tasks/workers/task-workers.js';
import { welcome, type Running } from './welcome.js';

/** Ctrl-C ends everything within ten seconds: this for running tasks, the rest for closing. */
const graceMs = 3_000;
const stopWithinMs = 9_500;

const log = new Logger('Start');
const say = (line: string) => process.stdout.write(`${line}\n`);
/** What was started, last first to stop. */
const stops: (() => Promise<unknown>)[] = [];

async function stopAll(): Promise<void> {
  for (const stop of stops.splice(0).toReversed()) await stop();
}

async function startStores(env: Environment) {
  let postgres: Running['postgres'];
  let { databaseUrl, engineUrls } = env;
  if (databaseUrl === undefined) {
    say('Starting the embedded Postgres …');
    const dataDir = join(env.dataDir, 'postgres');
    const started = await startEmbeddedPostgres({ dataDir, database: 'darkroom', log: say });
    stops.push(() => started.stop());
    void started.exited.then(async ({ expected, message }) => {
      if (expected) return;
      say('The embedded Postgres is gone: stopping everything.');
      setTimeout(() => fail(new Error(message)), stopWithinMs).unref();
      await stopAll().catch(() => {});
      fail(new Error(message));
    });
    databaseUrl = started.url;
    postgres = { port: started.port, dataDir };
  }
  if (engineUrls.length === 0) {
    say('Starting the stand-in engine …');
    const engine = await startStandInEngine((line) => log.warn(line));
    stops.push(() => engine.stop());
    engineUrls = [engine.url];
  }
  return { databaseUrl, engineUrls, postgres };
}

async function startApp(settings: Settings): Promise<NestFastifyApplication> {
  say('Preparing the database …');
  await prepareStores(settings);
  say('Starting the API and the workers …');
  const app = await createApi(StandaloneModule.with(settings), settings);
  const workers = app.get(TaskWorkers);
  stops.push(async () => {
    app.get(Readiness).setDraining();
    await workers.drain(settings.shutdownGraceMs);
    await app.close();
  });
  await app.listen(settings.port, settings.host);
  workers.start([...QUEUE_NAMES]);
  return app;
}

async function start(): Promise<void> {
  const env = processEnvironment();
  const { databaseUrl, engineUrls, postgres } = await startStores(env);
  const settings = settingsOf(env, {
    databaseUrl,
    engineUrls,
    shutdownGraceMs: env.shutdownGraceMs ?? graceMs,
    logFormat: env.logFormat ?? 'pretty',
  });
  Logger.overrideLogger(createLogger(settings));
  const app = await startApp(settings);
  const keyFile = join(settings.dataDir, 'admin.key');
  const { key } = await app.get(AdminKey).ensure(keyFile);
  const url = await app.getUrl();
  const { queueUrl } = settings;
  const running = { url, databaseUrl: settings.databaseUrl, queueUrl, engineUrls };
  stops.push(await writeRunningFile(settings.dataDir, running));
  say(
    welcome({
      url,
      adminKey: key,
      keyFile,
      postgres,
      queue: settings.queueUrl && addressOf(settings.queueUrl),
      engines: env.engineUrls.length > 0 ? engineUrls.map((url) => new URL(url).host) : undefined,
      objects: join(settings.dataDir, 'objects'),
    }),
  );
}

stopOnSignal(stopAll, stopWithinMs);
try {
  await start();
} catch (error) {
  await stopAll().catch(() => {});
  fail(error);
}
