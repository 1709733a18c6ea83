import { ApiModule } from './api.module.js';
import { readEnvironment } from './config/environment.js';
import { AuthGate } from './features/auth/auth-gate.js';
import { Readiness } from './features/health/readiness.js';
import { createHttpApp } from './infrastructure/http/create-http-app.js';
import { serveOpenApi } from './infrastructure/http/openapi.js';
import { fail, prepareStores, settingsOf, stopOnSignal } from './run.js';

try {
  const settings = settingsOf(readEnvironment());
  await prepareStores(settings);
  const app = await createHttpApp(ApiModule.with(settings), settings);
  const gate = app.get(AuthGate);
  serveOpenApi(app, {
    version: '0.1.0',
    admit: (q, r) => gate.admit(q, r, { admin: false, page: true }),
  });
  await app.listen(settings.port, settings.host);
  stopOnSignal(async () => {
    app.get(Readiness).setDraining();
    await app.close();
  });
} catch (error) {
  fail(error);
}
