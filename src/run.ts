import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Logger } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { messageOf } from './common/message-of.js';
import type { Environment } from './config/environment.js';
import type { Settings } from './config/config.module.js';
import { problemCodes } from './features.js';
import { AuthGate } from './features/auth/auth-gate.js';
import { migrate } from './infrastructure/database/migrate.js';
import { isTransient } from './infrastructure/database/transaction.js';
import { createHttpApp, type HttpOptions } from './infrastructure/http/create-http-app.js';
import { createLogger } from './infrastructure/http/logger.js';
import { serveOpenApi } from './infrastructure/http/openapi.js';
import { createQueueEngine } from './infrastructure/queue/queue.module.js';

const defaultGraceMs = 60_000;
const databasePatienceMs = 60_000;
/** Beyond the grace of running tasks: closing connections, writing what is left. */
export const closingMs = 15_000;

/** The environment with everything decided. @throws Error when no database is named */
export function settingsOf(env: Environment, decided: Partial<Settings> = {}): Settings {
  const databaseUrl = decided.databaseUrl ?? env.databaseUrl;
  if (databaseUrl === undefined) {
    throw new Error(
      'DATABASE_URL is not set. Example: postgres://darkroom:password@localhost:5432/darkroom',
    );
  }
  return {
    ...env,
    shutdownGraceMs: env.shutdownGraceMs ?? defaultGraceMs,
    childProgram: fileURLToPath(new URL('./worker-child.js', import.meta.url)),
    isChild: false,
    ...decided,
    databaseUrl,
  };
}

/**
 * Brings both schemas up to date, ours and the queue's. Waits for a database that is not there yet.
 *
 * @throws UnavailableError after a minute without it
 */
export async function prepareStores(settings: Settings): Promise<void> {
  const log = new Logger('Start');
  const end = performance.now() + databasePatienceMs;
  for (let told = false; ; told = true) {
    try {
      await migrate(settings.databaseUrl);
      break;
    } catch (error) {
      if (!isTransient(error) || performance.now() > end) throw error;
      if (!told) log.warn(`Waiting for the database: ${messageOf(error)}`);
      await delay(1_000);
    }
  }
  const engine = createQueueEngine(settings.queueUrl ?? settings.databaseUrl);
  try {
    await engine.prepare();
  } finally {
    await engine.close();
  }
}

/** The API with its docs, not listening yet. */
export async function createApi(
  root: Parameters<typeof createHttpApp>[0],
  settings: Settings,
  logger: HttpOptions['logger'] = createLogger(settings),
): Promise<NestFastifyApplication> {
  const app = await createHttpApp(root, settings, {
    logger,
    trustedProxies: settings.trustedProxies,
  });
  const gate = app.get(AuthGate);
  serveOpenApi(app, {
    version: '0.1.0',
    codes: problemCodes,
    admit: (request, reply) => gate.admit(request, reply, { admin: false, page: true }),
  });
  return app;
}

/**
 * Runs `stop` at the first SIGINT or SIGTERM and exits 0; a second one exits at once, and so does a
 * stop that takes longer than `withinMs`.
 */
export function stopOnSignal(stop: () => Promise<void>, withinMs: number): void {
  let stopping = false;
  const onSignal = (signal: NodeJS.Signals) => {
    if (stopping) process.exit(130);
    stopping = true;
    new Logger('Stop').log(`${signal}: stopping`);
    setTimeout(() => fail(new Error('Stopping took too long.')), withinMs).unref();
    stop().then(() => process.exit(0), fail);
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
}

/** One clear sentence, and the end. */
export function fail(error: unknown): never {
  process.stderr.write(`darkroom: ${sentenceOf(error)}\n`);
  process.exit(1);
}

function sentenceOf(error: unknown): string {
  const { code, address, port } = error as NodeJS.ErrnoException & {
    address?: string;
    port?: number;
  };
  switch (code) {
    case 'EADDRINUSE':
      return `Port ${port} on ${address} is taken by another program: stop it, or set PORT to another one.`;
    case 'EACCES':
      if (port === undefined) return messageOf(error);
      return `This user may not listen on port ${port}: set PORT to one above 1023.`;
    case 'EADDRNOTAVAIL':
      return `This machine has no address ${address}: set HOST to one it has.`;
    case 'ERR_PARSE_ARGS_UNKNOWN_OPTION':
    case 'ERR_PARSE_ARGS_INVALID_OPTION_VALUE':
    case 'ERR_PARSE_ARGS_UNEXPECTED_POSITIONAL':
      return `${messageOf(error)} Usage: npm run start:worker -- --queues high_priority,low_priority --pool inline|processes --concurrency 2 --max-tasks-per-child 50 --max-memory-per-child 512`;
    case undefined:
    default:
      return messageOf(error);
  }
}
