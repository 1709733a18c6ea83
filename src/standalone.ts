import { join } from 'node:path';
import { Logger } from '@nestjs/common';
import { processEnvironment, type Environment } from './config/environment.js';
import { fail } from './fail.js';
import { startEmbeddedPostgres } from './infrastructure/embedded/embedded-postgres.js';
import { writeRunningFile } from './infrastructure/embedded/running-file.js';
import { startStandInEngine } from './infrastructure/embedded/stand-in-engine.js';
import { createLogger } from './infrastructure/http/logger.js';
import { exitOnUncaught } from './infrastructure/http/uncaught.js';
import { checkPort } from './infrastructure/http/port-check.js';
import { addressOf } from './infrastructure/queue/queue-engine.js';
import { settingsOf } from './settings.js';
import { stopOnSignal } from './stop-on-signal.js';
import { welcome, type Running } from './welcome.js';

/** Ctrl-C ends everything within ten seconds: this long for running tasks, the rest for closing. */
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

async function start(): Promise<void> {
  const env = processEnvironment();
  await checkPort(env);
  // Loading the application takes as long as starting Postgres.
  const loading = import('./run-standalone.js');
  const { databaseUrl, engineUrls, postgres } = await startStores(env);
  const settings = settingsOf(env, {
    databaseUrl,
    engineUrls,
    shutdownGraceMs: env.shutdownGraceMs ?? graceMs,
    logFormat: env.logFormat ?? 'pretty',
  });
  Logger.overrideLogger(createLogger(settings));
  exitOnUncaught();
  const { runStandalone } = await loading;
  const { url, adminKey, keyFile } = await runStandalone(settings, {
    say,
    onStop: (stop) => stops.push(stop),
  });
  const { queueUrl } = settings;
  const running = { url, databaseUrl: settings.databaseUrl, queueUrl, engineUrls };
  stops.push(await writeRunningFile(settings.dataDir, running));
  say(
    welcome({
      url,
      // Anything but a terminal may be kept, and read by others.
      adminKey: process.stdout.isTTY ? adminKey : undefined,
      keyFile,
      postgres,
      queue: settings.queueUrl && addressOf(settings.queueUrl),
      engines: env.engineUrls.length > 0 ? engineUrls.map((url) => new URL(url).host) : undefined,
      objects: pictures(settings),
      mails: mails(settings),
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

function pictures({ s3, dataDir }: Pick<Environment, 's3' | 'dataDir'>): string {
  if (!s3) return join(dataDir, 'objects');
  return `bucket ${s3.bucket} at ${s3.endpoint === undefined ? 'AWS' : new URL(s3.endpoint).host}`;
}

function mails({ smtpUrl, dataDir }: Pick<Environment, 'smtpUrl' | 'dataDir'>): string {
  if (smtpUrl !== undefined) return `sent by ${new URL(smtpUrl).host}`;
  return `files in ${join(dataDir, 'mail')} (SMTP_URL: a mail server)`;
}
