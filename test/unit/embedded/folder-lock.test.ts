import { describe, expect, it } from '@jest/globals';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { lockFolder } from '../../../src/infrastructure/embedded/folder-lock.js';
import { identityOf } from '../../../src/infrastructure/embedded/process-table.js';
import { fails, temporaryFolder } from './embedded.support.js';

describe('folder lock', () => {
  it('is held by one at a time', async () => {
    const folder = await temporaryFolder();
    for (let round = 0; round < 20; round++) {
      const tries = await Promise.allSettled(Array.from({ length: 8 }, () => lockFolder(folder)));
      const won = tries.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
      expect(won.length).toBe(1);
      await won[0]?.();
    }
    expect(await readdir(folder)).toEqual(['lock.20']);
  });

  it('is taken over from a process that is gone, whoever has its pid now', async () => {
    const folder = await temporaryFolder();
    const gone = { pid: process.pid, identity: 'another boot/1' };
    await writeFile(join(folder, 'lock.7'), JSON.stringify(gone));
    const tries = await Promise.allSettled([lockFolder(folder), lockFolder(folder)]);
    expect(tries.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    expect(await readdir(folder)).toEqual(['lock.8']);
  });

  it('is taken over when a power failure cut its file short', async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'lock.1'), '{"pid":');
    await lockFolder(folder);
  });

  it('holds against an older lock file that turns up', async () => {
    const folder = await temporaryFolder();
    const holder = { pid: process.pid, identity: await identityOf(process.pid) };
    await writeFile(join(folder, 'lock.9'), JSON.stringify(holder));
    await writeFile(join(folder, 'lock.3'), '{}');
    await fails(lockFolder(folder), 'data_folder_in_use', /in use by another Darkroom/);
  });
});
