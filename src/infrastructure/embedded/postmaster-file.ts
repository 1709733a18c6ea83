import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

export interface PostmasterFile {
  pid: number;
  isReady: boolean;
}

const pathIn = (cluster: string) => join(cluster, 'postmaster.pid');

/** Postgres' own lock file: the pid in its first line, its state in the eighth. */
export async function readPostmasterFile(cluster: string): Promise<PostmasterFile | undefined> {
  const text = await readFile(pathIn(cluster), 'utf8').catch(() => '');
  const lines = text.split('\n');
  const pid = Number.parseInt(lines[0] ?? '', 10);
  // A single-user Postgres has a negative pid there.
  return Number.isNaN(pid)
    ? undefined
    : { pid: Math.abs(pid), isReady: lines[7]?.trim() === 'ready' };
}

export async function removePostmasterFile(cluster: string): Promise<void> {
  await rm(pathIn(cluster), { force: true });
}
