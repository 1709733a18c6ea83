import type { Type } from '@nestjs/common';
import { waitAtMost } from '../common/deadline.js';
import type { Environment } from '../config/environment.js';
import type { RunningDarkroom } from '../infrastructure/embedded/running-file.js';
import { CliError, exitCodes } from './exit.js';

/** Longest wait for connections to close; the process ends then. Milliseconds. */
const closingMs = 5_000;

export interface Place {
  env: Environment;
  /** The `npm start` of the data folder, when there is one. */
  running: RunningDarkroom | undefined;
}

/** The environment of this folder, and the Darkroom that runs in it. @throws EnvironmentError */
export async function findPlace(): Promise<Place> {
  const { processEnvironment } = await import('../config/environment.js');
  const { readRunningFile } = await import('../infrastructure/embedded/running-file.js');
  const env = processEnvironment();
  return { env, running: await readRunningFile(env.dataDir) };
}

export type CliSettings = Environment & { databaseUrl: string };

/**
 * The settings of the other processes: DATABASE_URL, or the stores of a running `npm start`.
 *
 * @throws CliError when there is neither
 */
export async function cliSettings(): Promise<CliSettings> {
  const { env, running } = await findPlace();
  const { databaseUrl } = env;
  if (databaseUrl !== undefined) return { ...env, databaseUrl };
  if (running === undefined) {
    throw new CliError(
      `Darkroom is not running here (no npm start uses the folder ${env.dataDir}), and DATABASE_URL is not set: start it, set DATABASE_URL, or set DARKROOM_DATA_DIR to the folder of the one that runs.`,
      exitCodes.unreachable,
    );
  }
  const { queueUrl, engineUrls } = running;
  return { ...env, databaseUrl: running.databaseUrl, queueUrl, engineUrls };
}

/** The application of this installation, without HTTP and without workers. */
export interface Darkroom {
  settings: CliSettings;
  get: <T>(token: Type<T> | symbol) => T;
}

/** Connects, does `work` and disconnects. @throws CliError when the database cannot be reached */
export async function withDarkroom<T>(work: (darkroom: Darkroom) => Promise<T>): Promise<T> {
  const settings = await cliSettings();
  const { checkDatabase } = await import('./stores.js');
  await checkDatabase(settings.databaseUrl);
  const { openContext } = await import('./context.js');
  const app = await openContext(settings);
  try {
    return await work({ settings, get: (token) => app.get(token, { strict: false }) });
  } finally {
    await waitAtMost(closingMs, app.close()).catch(() => {});
  }
}
