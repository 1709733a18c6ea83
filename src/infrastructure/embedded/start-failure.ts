import { open, stat, statfs } from 'node:fs/promises';
import type { DataFolder } from './data-folder.js';
import {
  DataFolderInUse,
  EmbeddedPostgresError,
  diskFull,
  unwritable,
} from './embedded-postgres.error.js';

/** Postgres cannot log that the disk is full when its log is on that disk, hence the second look. */
export async function isDiskFull(text: string, folder: DataFolder) {
  if (/No space left on device|Disk quota exceeded/.test(text)) return diskFull(folder.root);
  const disk = await statfs(folder.root).catch(() => undefined);
  return disk && disk.bavail * disk.bsize < 1024 * 1024 ? diskFull(folder.root) : undefined;
}

/** A problem that may go away by itself a moment later. */
export function isPassing(log: string): boolean {
  return isPortTaken(log) || log.includes('pre-existing shared memory block');
}

export function isPortTaken(log: string): boolean {
  return /could not bind .*(Address already in use|Permission denied)/.test(log);
}

export async function startFailure(
  log: string,
  folder: DataFolder,
): Promise<EmbeddedPostgresError> {
  const holder = /lock file "postmaster\.pid" already exists[^]*?\(PID (\d+)\)/.exec(log)?.[1];
  if (holder !== undefined) return new DataFolderInUse(folder.root, Number(holder), 'Postgres');
  const full = await isDiskFull(log, folder);
  if (full) return full;
  if (isPortTaken(log)) {
    return new EmbeddedPostgresError(
      'port_unavailable',
      `Postgres found no free port on 127.0.0.1.`,
    );
  }
  if (log.includes('Permission denied')) return unwritable(folder.root, new Error(log));
  return new EmbeddedPostgresError(
    'start_failed',
    `Postgres did not start. The last lines of ${folder.log}:\n${lastLines(log)}`,
  );
}

export const lastLines = (text: string) => text.trim().split('\n').slice(-5).join('\n') || '(none)';

export async function sizeOf(path: string): Promise<number> {
  return (await stat(path).catch(() => ({ size: 0 }))).size;
}

/** At most the last 64 KiB. */
export async function readFrom(path: string, start: number): Promise<string> {
  const end = await sizeOf(path);
  const from = Math.max(start, end - 64 * 1024);
  if (end <= from) return '';
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read({
      buffer: Buffer.alloc(end - from),
      position: from,
    });
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}
