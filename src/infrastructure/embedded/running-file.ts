import { chmod, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { identityOf } from './process-table.js';

/** What a running `npm start` tells other programs of the same user. Contains a password. */
export interface RunningDarkroom {
  pid: number;
  /** Address of the API. */
  url: string;
  databaseUrl: string;
  /** Missing: the queue is in the database. */
  queueUrl?: string | undefined;
  /** Where its pictures are drawn; the stand-in's address is known nowhere else. */
  engineUrls: string[];
}

interface Kept extends RunningDarkroom {
  /** Tells the process from a later one with its pid. */
  identity: string | undefined;
}

const pathIn = (dataDir: string) => join(dataDir, 'running.json');

/** @returns removes the file, unless another process has written it since */
export async function writeRunningFile(
  dataDir: string,
  running: Omit<RunningDarkroom, 'pid'>,
): Promise<() => Promise<void>> {
  const path = pathIn(dataDir);
  const kept: Kept = { ...running, pid: process.pid, identity: await identityOf(process.pid) };
  // Written to a new file: others might be able to read the old one, and nobody must see half of it.
  const draft = `${path}.${process.pid}.new`;
  await writeFile(draft, `${JSON.stringify(kept, null, 2)}\n`, { mode: 0o600 });
  await chmod(draft, 0o600);
  await rename(draft, path);
  return async () => {
    if ((await keptIn(path))?.pid === process.pid) await rm(path, { force: true });
  };
}

/** The Darkroom of this folder; undefined when it does not run, or was killed. */
export async function readRunningFile(dataDir: string): Promise<RunningDarkroom | undefined> {
  const kept = await keptIn(pathIn(dataDir));
  if (kept === undefined || kept.identity === undefined) return undefined;
  const { identity, ...running } = kept;
  return (await identityOf(kept.pid)) === identity ? running : undefined;
}

async function keptIn(path: string): Promise<Kept | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Kept;
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    if (missing || error instanceof SyntaxError) return undefined;
    throw error;
  }
}
