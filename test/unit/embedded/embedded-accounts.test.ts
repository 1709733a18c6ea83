import { describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { chmod, cp, mkdir, readFile, readdir, readlink, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  makeCredentials,
  openDataFolder,
} from '../../../src/infrastructure/embedded/data-folder.js';
import { freePort } from '../../../src/infrastructure/embedded/free-port.js';
import { initCluster } from '../../../src/infrastructure/embedded/init-cluster.js';
import {
  platformPackage,
  postgresBinaries,
} from '../../../src/infrastructure/embedded/postgres-binaries.js';
import { startPostmaster } from '../../../src/infrastructure/embedded/postmaster.js';
import { findLauncher, type RunAs } from '../../../src/infrastructure/embedded/run-as.js';
import {
  cannotBeNobody,
  fails,
  isRoot,
  nobody,
  query,
  start,
  startProcess,
  startedProcess,
  temporaryFolder,
} from './embedded.support.js';

const skipNobody = cannotBeNobody();
const skipRoot = isRoot ? false : 'needs root';

/** Why root cannot run Postgres in this way here, or false. */
function refused(program: string, ...args: string[]): string | false {
  if (skipRoot) return skipRoot;
  const { status } = spawnSync(program, [...args, 'true'], { stdio: 'ignore' });
  return status === 0 ? false : `${program} is not permitted here`;
}
const skipNamespace = refused('unshare', '--user', '--map-user=65534');
const skipCapability = refused(
  'setpriv',
  '--reuid=65534',
  '--inh-caps=+dac_override',
  '--ambient-caps=+dac_override',
  '--securebits=+no_setuid_fixup',
);

async function uidOfPostgres(pid: number): Promise<string | undefined> {
  return /^Uid:\s+(\d+)/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1];
}

describe('embedded Postgres as root', () => {
  it(
    'needs no other account where user namespaces are permitted',
    { skip: skipNamespace },
    async (t) => {
      const folder = await temporaryFolder(t);
      const postgres = await start(t, folder);
      assert.equal(postgres.runAs, 'namespace');
      assert.equal((await stat(join(folder, 'cluster'))).uid, 0);
    },
  );

  for (const [runAs, skip] of [
    ['namespace', skipNamespace],
    ['capability', skipCapability],
  ] as const) {
    it(`works in a folder only root can enter (${runAs})`, { skip }, async (t) => {
      const closed = join(await temporaryFolder(t), 'closed');
      await mkdir(closed, { mode: 0o700 });
      const folder = join(closed, 'data');
      const first = await start(t, folder, { runAs });
      assert.equal(first.runAs, runAs);
      await query(first.url, 'CREATE TABLE kept AS SELECT 42 AS n');
      await first.stop();
      const second = await start(t, folder, { runAs });
      assert.deepEqual(await query(second.url, 'SELECT n FROM kept'), [[42]]);
    });

    it(`runs programs in a folder only root can enter (${runAs})`, { skip }, async (t) => {
      const closed = await temporaryFolder(t);
      const copy = join(closed, 'package');
      await cp(platformPackage(), copy, { recursive: true, verbatimSymlinks: true });
      const folder = await openDataFolder(join(closed, 'data'));
      const binaries = await postgresBinaries(folder.libraries, copy);
      const launcher = await findLauncher(binaries, folder.root, runAs);
      const credentials = await makeCredentials(folder);
      await initCluster(folder, binaries, launcher, credentials, false);
      const args = ['-D', folder.cluster, '-c', `port=${await freePort(undefined)}`];
      args.push('-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories=');
      const outcome = await startPostmaster(folder, launcher, binaries.postgres, args, 60_000);
      assert.ok('postmaster' in outcome, 'failed' in outcome ? outcome.failed : '');
      await outcome.postmaster.stop();
    });
  }

  it(
    'runs as another account without more rights where folders are open',
    { skip: skipNobody },
    async (t) => {
      const parent = await temporaryFolder(t);
      await chmod(parent, 0o755);
      const folder = join(parent, 'data');
      const { url, pid } = await start(t, folder, { runAs: 'account' });
      assert.notEqual(await uidOfPostgres(pid), '0');
      assert.deepEqual(await query(url, 'SELECT 1'), [[1]]);
    },
  );

  it('says what to do when no way is left', { skip: skipNobody }, async (t) => {
    const closed = await temporaryFolder(t);
    await fails(
      start(t, join(closed, 'data'), { runAs: 'account' }),
      'cannot_run_as_root',
      /ordinary user, or set DATABASE_URL/,
    );
    assert.equal((await stat(join(closed, 'data'))).mode & 0o777, 0o700);
  });

  it('changes from one way to another', { skip: skipNamespace || skipCapability }, async (t) => {
    const folder = await temporaryFolder(t);
    const ways: RunAs[] = ['capability', 'namespace', 'capability', 'namespace'];
    for (const [n, runAs] of ways.entries()) {
      const postgres = await start(t, folder, { runAs });
      await query(postgres.url, `CREATE TABLE t${n} (n int)`);
      const kept = `SELECT count(*)::int FROM pg_tables WHERE schemaname = 'public'`;
      assert.deepEqual(await query(postgres.url, kept), [[n + 1]]);
      await postgres.stop();
    }
  });
});

describe('embedded Postgres as an ordinary user', { skip: skipNobody }, () => {
  it('runs as that user', async (t) => {
    const folder = await temporaryFolder(t, nobody);
    const { started } = await startedProcess(t, folder, nobody);
    assert.equal(started.runAs, 'direct');
    assert.equal(await uidOfPostgres(started.pid), String(nobody.uid));
    assert.deepEqual(await query(started.url, 'SELECT 1'), [[1]]);
  });

  it('runs as a user id without a name', { skip: skipNamespace }, async (t) => {
    const unnamed = { uid: 47_110, gid: 47_110 };
    const folder = await temporaryFolder(t, unnamed);
    const { started } = await startedProcess(t, folder, unnamed);
    assert.deepEqual(await query(started.url, 'SELECT 1'), [[1]]);
  });

  it('recovers after a kill by force', async (t) => {
    const folder = await temporaryFolder(t, nobody);
    const first = await startedProcess(t, folder, nobody);
    await first.kill('SIGKILL');
    const second = await startedProcess(t, folder, nobody);
    assert.equal(second.started.url, first.started.url);
  });

  it('does not take over a folder of root', async (t) => {
    const folder = await temporaryFolder(t);
    await (await start(t, folder)).stop();
    for (const mode of [0o700, 0o777]) {
      await chmod(folder, mode);
      const { error } = await startProcess(t, folder, nobody).next();
      assert.equal(error?.code, 'data_folder_owner_mismatch', error?.message);
      assert.match(error.message, /belongs to user root, but Darkroom runs as user nobody/);
    }
  });

  it('does not leave its folder to root', async (t) => {
    const folder = await temporaryFolder(t, nobody);
    const first = await startedProcess(t, folder, nobody);
    await first.kill('SIGTERM');
    await fails(
      start(t, folder),
      'data_folder_owner_mismatch',
      /belongs to user nobody, but Darkroom runs as user root/,
    );
  });

  it('says when the data folder is not writable', async (t) => {
    const parent = await temporaryFolder(t);
    await chmod(parent, 0o755);
    const { error } = await startProcess(t, join(parent, 'data'), nobody).next();
    assert.equal(error?.code, 'data_folder_unwritable', error?.message);
    await mkdir(join(parent, 'data'), { mode: 0o755 });
    const again = await startProcess(t, join(parent, 'data'), nobody).next();
    assert.equal(again.error?.code, 'data_folder_owner_mismatch', again.error?.message);
  });

  it('finds its libraries when the package folder is read-only', async (t) => {
    const parent = await temporaryFolder(t);
    await chmod(parent, 0o755);
    const copy = join(parent, 'package');
    await cp(platformPackage(), copy, { recursive: true, verbatimSymlinks: true });
    const lib = join(copy, 'native', 'lib');
    for (const name of await readdir(lib)) {
      const link = await readlink(join(lib, name)).catch(() => undefined);
      if (link !== undefined) await rm(join(lib, name));
    }
    const spare = join(await temporaryFolder(t, nobody), 'spare');
    const module = new URL(
      '../../../src/infrastructure/embedded/postgres-binaries.js',
      import.meta.url,
    );
    const script = `
      import { postgresBinaries } from ${JSON.stringify(fileURLToPath(module))};
      import { execFileSync } from 'node:child_process';
      const { postgres, env } = await postgresBinaries(${JSON.stringify(spare)}, ${JSON.stringify(copy)});
      process.stdout.write(execFileSync(postgres, ['--version'], { env }));`;
    const args = ['--input-type=module', '-e', script];
    const options = { ...nobody, cwd: '/', encoding: 'utf8' } as const;
    assert.match(execFileSync(process.execPath, args, options), /^postgres \(PostgreSQL\) \d+/);
    assert.ok((await readdir(spare)).length > 0);
  });
});
