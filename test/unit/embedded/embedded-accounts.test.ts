import assert from 'node:assert/strict';
import { describe, expect, it } from '@jest/globals';
import { about } from '../../support/about.js';
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
  (skipNamespace ? it.skip : it)(
    'needs no other account where user namespaces are permitted',
    async () => {
      const folder = await temporaryFolder();
      const postgres = await start(folder);
      expect(postgres.runAs).toBe('namespace');
      expect((await stat(join(folder, 'cluster'))).uid).toBe(0);
    },
  );

  for (const [runAs, skip] of [
    ['namespace', skipNamespace],
    ['capability', skipCapability],
  ] as const) {
    (skip ? it.skip : it)(`works in a folder only root can enter (${runAs})`, async () => {
      const closed = join(await temporaryFolder(), 'closed');
      await mkdir(closed, { mode: 0o700 });
      const folder = join(closed, 'data');
      const first = await start(folder, { runAs });
      expect(first.runAs).toBe(runAs);
      await query(first.url, 'CREATE TABLE kept AS SELECT 42 AS n');
      await first.stop();
      const second = await start(folder, { runAs });
      expect(await query(second.url, 'SELECT n FROM kept')).toEqual([[42]]);
    });

    (skip ? it.skip : it)(`runs programs in a folder only root can enter (${runAs})`, async () => {
      const closed = await temporaryFolder();
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

  (skipNobody ? it.skip : it)(
    'runs as another account without more rights where folders are open',
    async () => {
      const parent = await temporaryFolder();
      await chmod(parent, 0o755);
      const folder = join(parent, 'data');
      const { url, pid } = await start(folder, { runAs: 'account' });
      expect(await uidOfPostgres(pid)).not.toBe('0');
      expect(await query(url, 'SELECT 1')).toEqual([[1]]);
    },
  );

  (skipNobody ? it.skip : it)('says what to do when no way is left', async () => {
    const closed = await temporaryFolder();
    await fails(
      start(join(closed, 'data'), { runAs: 'account' }),
      'cannot_run_as_root',
      /ordinary user, or set DATABASE_URL/,
    );
    expect((await stat(join(closed, 'data'))).mode & 0o777).toBe(0o700);
  });

  (skipNamespace || skipCapability ? it.skip : it)('changes from one way to another', async () => {
    const folder = await temporaryFolder();
    const ways: RunAs[] = ['capability', 'namespace', 'capability', 'namespace'];
    for (const [n, runAs] of ways.entries()) {
      const postgres = await start(folder, { runAs });
      await query(postgres.url, `CREATE TABLE t${n} (n int)`);
      const kept = `SELECT count(*)::int FROM pg_tables WHERE schemaname = 'public'`;
      expect(await query(postgres.url, kept)).toEqual([[n + 1]]);
      await postgres.stop();
    }
  });
});

(skipNobody ? describe.skip : describe)('embedded Postgres as an ordinary user', () => {
  it('runs as another user', async () => {
    const folder = await temporaryFolder(nobody);
    const { started } = await startedProcess(folder, nobody);
    expect(started.runAs).toBe('direct');
    expect(await uidOfPostgres(started.pid)).toBe(String(nobody.uid));
    expect(await query(started.url, 'SELECT 1')).toEqual([[1]]);
  });

  (skipNamespace ? it.skip : it)('runs as a user id without a name', async () => {
    const unnamed = { uid: 47_110, gid: 47_110 };
    const folder = await temporaryFolder(unnamed);
    const { started } = await startedProcess(folder, unnamed);
    expect(await query(started.url, 'SELECT 1')).toEqual([[1]]);
  });

  it('recovers after a kill by force', async () => {
    const folder = await temporaryFolder(nobody);
    const first = await startedProcess(folder, nobody);
    await first.kill('SIGKILL');
    const second = await startedProcess(folder, nobody);
    expect(second.started.url).toBe(first.started.url);
  });

  it('does not take over a folder that belongs to root', async () => {
    const folder = await temporaryFolder();
    await (await start(folder)).stop();
    for (const mode of [0o700, 0o777]) {
      await chmod(folder, mode);
      const { error } = await startProcess(folder, nobody).next();
      about(error?.message, () => expect(error?.code).toBe('data_folder_owner_mismatch'));
      expect(error?.message).toMatch(/belongs to user root, but Darkroom runs as user nobody/);
    }
  });

  it('does not leave its folder owned by root', async () => {
    const folder = await temporaryFolder(nobody);
    const first = await startedProcess(folder, nobody);
    await first.kill('SIGTERM');
    await fails(
      start(folder),
      'data_folder_owner_mismatch',
      /belongs to user nobody, but Darkroom runs as user root/,
    );
  });

  it('says when the data folder is not writable', async () => {
    const parent = await temporaryFolder();
    await chmod(parent, 0o755);
    const { error } = await startProcess(join(parent, 'data'), nobody).next();
    about(error?.message, () => expect(error?.code).toBe('data_folder_unwritable'));
    await mkdir(join(parent, 'data'), { mode: 0o755 });
    const again = await startProcess(join(parent, 'data'), nobody).next();
    about(again.error?.message, () => expect(again.error?.code).toBe('data_folder_owner_mismatch'));
  });

  it('finds its libraries when the package folder is read-only', async () => {
    const parent = await temporaryFolder();
    await chmod(parent, 0o755);
    const copy = join(parent, 'package');
    await cp(platformPackage(), copy, { recursive: true, verbatimSymlinks: true });
    const lib = join(copy, 'native', 'lib');
    for (const name of await readdir(lib)) {
      const link = await readlink(join(lib, name)).catch(() => undefined);
      if (link !== undefined) await rm(join(lib, name));
    }
    const spare = join(await temporaryFolder(nobody), 'spare');
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
    expect(execFileSync(process.execPath, args, options)).toMatch(/^postgres \(PostgreSQL\) \d+/);
    expect((await readdir(spare)).length).toBeGreaterThan(0);
  });
});
