import { execFile } from 'node:child_process';
import { chown, lchown, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { syncFolder, type Credentials, type DataFolder } from './data-folder.js';
import { EmbeddedPostgresError } from './embedded-postgres.error.js';
import type { PostgresBinaries } from './postgres-binaries.js';
import type { Launcher } from './run-as.js';
import { isDiskFull } from './start-failure.js';

const run = promisify(execFile);
const draftPrefix = 'init-';

/** Makes the cluster elsewhere and renames it, so that an interrupted start leaves no half of one. */
export async function initCluster(
  folder: DataFolder,
  binaries: PostgresBinaries,
  launcher: Launcher,
  credentials: Credentials,
  durable: boolean,
): Promise<void> {
  const draft = await mkdtemp(join(folder.root, draftPrefix));
  const cluster = join(draft, 'cluster');
  const passwordFile = join(draft, 'password');
  try {
    await mkdir(cluster, { mode: 0o700 });
    await writeFile(passwordFile, credentials.adminPassword, { mode: 0o600 });
    await own([cluster, passwordFile, draft], launcher);
    const [file, args] = launcher.command(binaries.initdb, [
      `--pgdata=${cluster}`,
      '--username=postgres',
      `--pwfile=${passwordFile}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--locale=C',
      // Built into Postgres: sorts alike on every machine, whatever locales are installed.
      '--locale-provider=builtin',
      '--builtin-locale=C.UTF-8',
      ...(durable ? [] : ['--no-sync']),
    ]);
    await run(file, args, { env: launcher.env, cwd: '/' });
    await rename(cluster, folder.cluster);
    if (durable) await syncFolder(folder.root);
  } catch (error) {
    throw await initError(error, folder);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

async function initError(error: unknown, folder: DataFolder): Promise<unknown> {
  const text = (error as { stderr?: string }).stderr;
  if (text === undefined) return error;
  const full = await isDiskFull(text, folder);
  if (full) return full;
  const reason =
    text
      .trim()
      .split('\n')
      .findLast((line) => /error:|FATAL:|PANIC:/.test(line)) ?? text.trim();
  return new EmbeddedPostgresError(
    'init_failed',
    text.includes('could not look up effective user ID')
      ? 'Postgres wants a name for the user it runs as, and this user id has none in /etc/passwd: run Darkroom as a user with a name, or set DATABASE_URL.'
      : `Postgres could not make its data folder in ${folder.root}: ${reason}`,
    error,
  );
}

/** Removes what an interrupted start has left. */
export async function removeDrafts(folder: DataFolder): Promise<void> {
  for (const name of await readdir(folder.root)) {
    if (!name.startsWith(draftPrefix) && !name.endsWith('.tmp')) continue;
    const path = join(folder.root, name);
    // An initdb on its way out may still write there; the next start tries again.
    await rm(path, { recursive: true, force: true, maxRetries: 3 }).catch(() => undefined);
  }
}

async function own(paths: string[], { owner }: Launcher): Promise<void> {
  if (owner.uid === process.geteuid?.()) return;
  for (const path of paths) await chown(path, owner.uid, owner.gid);
}

/** For a cluster that root last ran in another way. The top folder changes last: it shows that all is done. */
export async function giveTree(path: string, { uid, gid }: Launcher['owner']): Promise<void> {
  for (const entry of await readdir(path, { withFileTypes: true })) {
    const child = join(path, entry.name);
    if (entry.isDirectory()) await giveTree(child, { uid, gid });
    else await lchown(child, uid, gid);
  }
  await chown(path, uid, gid);
}
