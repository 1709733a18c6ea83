import { fileURLToPath } from 'node:url';
import type { Settings } from './config/config.module.js';
import type { Environment } from './config/environment.js';

const defaultGraceMs = 60_000;

/** The settings of a process: the environment, completed. @throws Error when no database is named */
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
