import { messageOf } from './common/message-of.js';
import type { Environment } from './config/environment.js';
import type { Settings } from './config/config.module.js';
import { migrate } from './infrastructure/database/migrate.js';
import { createQueueEngine } from './infrastructure/queue/queue.module.js';

const defaultGraceMs = 60_000;

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
    ...decided,
    databaseUrl,
  };
}

/** Both schemas, ours and the queue's, brought up to date. */
export async function prepareStores(settings: Settings): Promise<void> {
  await migrate(settings.databaseUrl);
  const engine = createQueueEngine(settings.queueUrl ?? settings.databaseUrl);
  try {
    await engine.prepare();
  } finally {
    await engine.close();
  }
}

/** Runs `stop` at the first SIGINT or SIGTERM and exits; a second one exits at once. */
export function stopOnSignal(stop: () => Promise<void>): void {
  let stopping = false;
  const onSignal = () => {
    if (stopping) process.exit(130);
    stopping = true;
    stop().then(
      () => process.exit(0),
      (error: unknown) => fail(error),
    );
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
}

/** One clear sentence, and the end. */
export function fail(error: unknown): never {
  const inUse = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
  const text = inUse ? `${messageOf(error)}. Set PORT to a free one.` : messageOf(error);
  process.stderr.write(`darkroom: ${text}\n`);
  process.exit(1);
}
