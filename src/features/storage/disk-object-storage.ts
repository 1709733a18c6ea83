import { randomUUID } from 'node:crypto';
import type { Dirent } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join, resolve, sep } from 'node:path';
import {
  ObjectStorage,
  StorageError,
  type ListedObject,
  type StoredObject,
} from './object-storage.js';
import { isError } from '../../common/is-error.js';

/** Objects as files below one folder. Contents are synced to the disk before a key exists. */
export class DiskObjectStorage extends ObjectStorage {
  private readonly root: string;

  constructor(root: string) {
    super();
    this.root = resolve(root);
  }

  async put(key: string, bytes: Buffer): Promise<void> {
    const file = this.path(key);
    const temporary = `${file}.${randomUUID()}.part`;
    try {
      const made = await mkdir(dirname(file), { recursive: true, mode: 0o700 });
      await writeSynced(temporary, bytes);
      await rename(temporary, file);
      await syncFolder(dirname(file));
      // A new folder is an entry in its parent, which must be synced too.
      if (made !== undefined) await syncFoldersAbove(dirname(file), dirname(made));
      await removeParts(file);
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => {});
      throw storageError(error);
    }
  }

  async get(key: string): Promise<StoredObject | null> {
    let file: FileHandle;
    try {
      file = await open(this.path(key));
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return null;
      throw storageError(error);
    }
    const { size } = await file.stat();
    return { stream: file.createReadStream(), bytes: size };
  }

  async delete(key: string): Promise<void> {
    try {
      await rm(this.path(key), { force: true });
    } catch (error) {
      throw storageError(error);
    }
  }

  async *list(prefix: string): AsyncIterable<ListedObject> {
    const folder = this.path(prefix);
    for (const entry of await entriesOf(folder)) {
      if (entry.isDirectory()) yield* this.list(`${prefix}${entry.name}/`);
      else if (!entry.name.endsWith('.part')) {
        // It may have been deleted meanwhile.
        const found = await stat(join(folder, entry.name)).catch(() => null);
        if (found) yield { key: prefix + entry.name, bytes: found.size, writtenAt: found.mtime };
      }
    }
  }

  async link(): Promise<null> {
    return null;
  }

  describe(): string {
    return `disk, ${this.root}`;
  }

  private path(key: string): string {
    const path = join(this.root, key);
    if (!path.startsWith(this.root + sep))
      throw new RangeError('an object key points outside its folder');
    return path;
  }
}

/**
 * Removes what a killed writer left behind. A writer that is still writing the same object fails and tries
 * again; the bytes of a key never differ.
 */
async function removeParts(file: string): Promise<void> {
  const parts = (await readdir(dirname(file))).filter(
    (name) => name.startsWith(`${basename(file)}.`) && name.endsWith('.part'),
  );
  await Promise.all(parts.map((name) => rm(join(dirname(file), name), { force: true })));
}

async function entriesOf(folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw storageError(error);
  }
}

async function writeSynced(path: string, bytes: Buffer): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function syncFoldersAbove(folder: string, top: string): Promise<void> {
  while (folder !== top) {
    folder = dirname(folder);
    await syncFolder(folder);
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function storageError(error: unknown): StorageError {
  const full = codeOf(error) === 'ENOSPC' || codeOf(error) === 'EDQUOT';
  return full
    ? new StorageError('storage_full', 'The object storage is full.', { cause: error })
    : new StorageError('storage_unavailable', 'The object storage cannot be read or written.', {
        cause: error,
      });
}

function codeOf(error: unknown): unknown {
  return isError(error) ? (error as NodeJS.ErrnoException).code : undefined;
}
