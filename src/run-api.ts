import { join } from 'node:path';
import { Logger } from '@nestjs/common';
import { ApiModule } from './api.module.js';
import { closingMs } from './config/closing.js';
import type { Settings } from './config/config.module.js';
import { createApi } from './create-api.js';
import { AdminKey } from './features/auth/admin-key.js';
import { Readiness } from './features/health/readiness.js';
import { createLogger } from './infrastructure/http/logger.js';
import { exitOnUncaught } from './infrastructure/http/uncaught.js';
import { prepareStores } from './prepare-stores.js';
import { stopOnSignal } from './stop-on-signal.js';

/**
 * Runs the HTTP API until a signal stops this process.
 *
 * @throws when it cannot start; the message says what to do
 */
export async function runApi(settings: Settings): Promise<void> {
  Logger.overrideLogger(createLogger(settings));
  exitOnUncaught();
  await prepareStores(settings);
  const app = await createApi(ApiModule.with(settings), settings);
  stopOnSignal(async () => {
    app.get(Readiness).setDraining();
    await app.close();
  }, settings.shutdownGraceMs + closingMs);
  const keyFile = join(settings.dataDir, 'admin.key');
  if (await app.get(AdminKey).ensureFirst(keyFile)) {
    new Logger('Start').log(`Made the first admin key: it is in ${keyFile}`);
  }
  await app.listen(settings.port, settings.host);
  new Logger('Start').log(`Listening on ${await app.getUrl()}`);
}
