import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from '../support/memory-folder.js';
import { startStores } from '../support/stores-for-a-run.js';
import { runSqlMutants } from './sql.js';

/**
 * Changes the code, one place at a time, and expects some test to fail. The stores stay up for all of it.
 *
 * `sql` as the only argument: just the changes of SQL. Other arguments are Stryker's, which then runs alone.
 */
const given = process.argv.slice(2);

process.env['TMPDIR'] = await temporaryFolder();
const stores = await startStores();
// The ledger is the same on both queue engines: half the time.
const env = { DARKROOM_TEST_POSTGRES: stores.env['DARKROOM_TEST_POSTGRES']! };
try {
  if (given.length === 0 || given[0] === 'sql') await changeSql();
  if (given[0] !== 'sql') await runStryker();
} finally {
  await stores.stop();
}

async function changeSql(): Promise<void> {
  if ((await runSqlMutants(env)) > 0) process.exitCode = 1;
}

async function runStryker(): Promise<void> {
  const stryker = fileURLToPath(
    new URL('../../../node_modules/@stryker-mutator/core/bin/stryker.js', import.meta.url),
  );
  const run = spawn(process.execPath, [stryker, 'run', ...given], {
    stdio: 'inherit',
    env: { ...process.env, ...env },
  });
  process.on('SIGINT', () => {}).on('SIGTERM', () => run.kill());
  const [code] = (await once(run, 'exit')) as [number | null];
  if (code !== 0) process.exitCode = 1;
}
