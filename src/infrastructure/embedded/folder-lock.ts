import { link, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { DataFolderInUse } from './embedded-postgres.error.js';
import { identityOf } from './process-table.js';

interface Holder {
  pid: number;
  identity: string | undefined;
  released?: true;
}

/**
 * One Darkroom per data folder. Node has no flock, so the lock is the file `lock.N` with the highest N;
 * taking it over means creating `lock.N+1`, which only one process can. The highest file is never
 * deleted, only marked as released: that is what makes a take-over from a dead holder safe.
 */
export async function lockFolder(folder: string): Promise<() => Promise<void>> {
  const draft = join(folder, `lock-${randomUUID()}.tmp`);
  const me: Holder = { pid: process.pid, identity: await identityOf(process.pid) };
  const write = (holder: Holder) => writeFile(draft, JSON.stringify(holder), { mode: 0o600 });
  try {
    for (;;) {
      // Anew each time: the holder clears away drafts.
      await write(me);
      const newest = await newestLock(folder);
      const holder = newest === 0 ? undefined : await holderOf(pathOf(folder, newest));
      if (holder === 'gone') continue;
      if (holder && (await isAlive(holder))) throw new DataFolderInUse(folder, holder.pid);
      const mine = newest + 1;
      if (!(await linked(draft, pathOf(folder, mine)))) continue;
      if ((await newestLock(folder)) > mine) {
        await rm(pathOf(folder, mine), { force: true });
        continue;
      }
      await removeOlder(folder, mine);
      return async () => {
        await write({ ...me, released: true });
        await rename(draft, pathOf(folder, mine));
      };
    }
  } finally {
    await rm(draft, { force: true });
  }
}

const pathOf = (folder: string, n: number) => join(folder, `lock.${n}`);

async function locks(folder: string): Promise<number[]> {
  const names = await readdir(folder);
  return names.flatMap((name) => /^lock\.(\d+)$/.exec(name)?.[1] ?? []).map(Number);
}

async function newestLock(folder: string): Promise<number> {
  return Math.max(0, ...(await locks(folder)));
}

async function removeOlder(folder: string, mine: number): Promise<void> {
  for (const n of await locks(folder)) if (n < mine) await rm(pathOf(folder, n), { force: true });
}

async function holderOf(path: string): Promise<Holder | 'gone' | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Holder;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'gone';
    // A power failure cut it short: no process from before that is alive.
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

async function isAlive(holder: Holder): Promise<boolean> {
  if (holder.released === true || holder.identity === undefined) return false;
  return (await identityOf(holder.pid)) === holder.identity;
}

async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (['EEXIST', 'ENOENT'].includes((error as NodeJS.ErrnoException).code ?? '')) return false;
    throw error;
  }
}
