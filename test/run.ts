import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startStores } from './support/stores-for-a-run.js';

/** Runs every test file below this folder; words on the command line choose by path. */
const here = dirname(fileURLToPath(import.meta.url));
const wanted = process.argv.slice(2);
const files = readdirSync(here, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.test.js'))
  .filter((file) => wanted.length === 0 || wanted.some((word) => file.includes(word)))
  .map((file) => join(here, file))
  .toSorted();
if (files.length === 0) {
  console.error(`No test file matches ${wanted.join(' ')}.`);
  process.exit(2);
}

const stores = await startStores();
try {
  const tests = spawn(
    process.execPath,
    [
      '--enable-source-maps',
      '--test',
      '--test-reporter=spec',
      '--test-concurrency=2',
      '--test-timeout=600000',
      ...files,
    ],
    { stdio: 'inherit', env: { ...process.env, ...stores.env } },
  );
  // The terminal sends Ctrl-C to the tests as well; what was started here ends after them.
  process.on('SIGINT', () => {}).on('SIGTERM', () => tests.kill());
  const [code] = (await once(tests, 'exit')) as [number | null];
  process.exitCode = code ?? 1;
} finally {
  await stores.stop();
}
// Once more where it is seen: the tests' own report is long.
if (stores.leftOut) console.log(stores.leftOut);
