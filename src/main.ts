import { processEnvironment } from './config/environment.js';
import { fail } from './fail.js';
import { checkPort } from './infrastructure/http/port-check.js';
import { settingsOf } from './settings.js';

try {
  const settings = settingsOf(processEnvironment());
  await checkPort(settings);
  // Loading the application takes seconds: a wrong setting is reported before that.
  const { runApi } = await import('./run-api.js');
  await runApi(settings);
} catch (error) {
  fail(error);
}
