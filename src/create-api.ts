import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { darkroomVersion } from './common/version.js';
import type { Settings } from './config/config.module.js';
import { problemCodes } from './api-features.js';
import { createHttpApp, type HttpOptions } from './infrastructure/http/create-http-app.js';
import { createLogger } from './infrastructure/http/logger.js';
import { serveOpenApi } from './infrastructure/http/openapi.js';

/** The API with its docs, not listening yet. */
export async function createApi(
  root: Parameters<typeof createHttpApp>[0],
  settings: Settings,
  logger: HttpOptions['logger'] = createLogger(settings),
): Promise<NestFastifyApplication> {
  const app = await createHttpApp(root, settings, {
    logger,
    trustedProxies: settings.trustedProxies,
    databasePatienceMs: settings.requestPatienceMs,
  });
  serveOpenApi(app, { version: darkroomVersion, codes: problemCodes });
  return app;
}
