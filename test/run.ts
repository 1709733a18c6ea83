import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { groupFiles } from './grouped-files.js';
import { lightly } from './support/processes.js';
import { temporaryFolder } from './support/memory-folder.js';
import { startStores } from './support/stores-for-a-run.js';

/** Runs Jest with the stores that the tests share; its arguments go on, so words choose files by path. */
const jest = fileURLToPath(new URL('../../node_modules/jest/bin/jest.js', import.meta.url));

/** `npm run test:chaos` kills a hundred times. */
const longRun = process.env['DARKROOM_TEST_KILLS'] !== undefined;

// What the tests write is gone with them: it need not reach a disk.
process.env['TMPDIR'] = await temporaryFolder();

/** Without words that choose files. */
const isWholeSuite = process.argv.slice(2).every((arg) => arg.startsWith('-'));
const kinds = isWholeSuite ? ['unit', 'integration'] : [];
if (isWholeSuite) groupFiles(kinds);

const stores = await startStores();
try {
  const tests = spawn(
    process.execPath,
    [
      '--enable-source-maps',
      // The tests are ES modules, as tsc wrote them.
      '--experimental-vm-modules',
      '--disable-warning=ExperimentalWarning',
      // Each test file loads its modules afresh, and they are not used for long.
      ...lightly,
      jest,
      ...(longRun ? ['--testTimeout=7200000'] : []),
      ...process.argv.slice(2),
    ],
    {
      stdio: 'inherit',
      env: { ...process.env, ...stores.env, DARKROOM_TEST_GROUPS: kinds.join() },
    },
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
