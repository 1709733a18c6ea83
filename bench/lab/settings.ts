import { fileURLToPath } from 'node:url';
import type { Settings } from '../../src/config/config.module.js';
import { readEnvironment } from '../../src/config/environment.js';

/** Like a root's, which would load every feature and with it every task. */
export function settingsIn(env: Record<string, string | undefined>): Settings {
  const settings = readEnvironment(env);
  return {
    ...settings,
    databaseUrl: settings.databaseUrl!,
    shutdownGraceMs: 0,
    childProgram: fileURLToPath(new URL('./child.js', import.meta.url)),
    isChild: false,
  };
}
