import { access, mkdir, readFile, readlink, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join, relative } from 'node:path';
import { EmbeddedPostgresError } from './embedded-postgres.error.js';

export interface PostgresBinaries {
  initdb: string;
  postgres: string;
  /** What the programs need to find their libraries. */
  env: Record<string, string>;
}

/** There is a package for Windows too, but Darkroom stops Postgres with signals. */
const supported = new Set([
  'darwin-arm64',
  'darwin-x64',
  'linux-arm',
  'linux-arm64',
  'linux-ia32',
  'linux-ppc64',
  'linux-x64',
]);

/**
 * Only the programs of `embedded-postgres` are used: its class installs exit and signal handlers of its
 * own when imported, starts Postgres where Ctrl-C reaches it, and as root needs another account.
 */
export function platformPackage(platform: string = process.platform, arch: string = process.arch) {
  const name = `${platform}-${arch}`;
  if (!supported.has(name)) {
    throw new EmbeddedPostgresError(
      'platform_not_supported',
      `Darkroom brings no Postgres for ${name}: set DATABASE_URL to one that is running.`,
    );
  }
  const scoped = `@embedded-postgres/${name}`;
  try {
    const wrapper = createRequire(import.meta.url).resolve('embedded-postgres');
    return dirname(dirname(createRequire(wrapper).resolve(scoped)));
  } catch (error) {
    throw new EmbeddedPostgresError(
      'binaries_missing',
      `The package ${scoped} with Postgres is not installed: run npm ci --include=optional, or set DATABASE_URL.`,
      error,
    );
  }
}

/** `spare` is a folder of ours for the library links, used when the package's folder is read-only. */
export async function postgresBinaries(
  spare: string,
  packageFolder = platformPackage(),
): Promise<PostgresBinaries> {
  const bin = join(packageFolder, 'native', 'bin');
  const binaries = { initdb: join(bin, 'initdb'), postgres: join(bin, 'postgres') };
  try {
    await Promise.all(Object.values(binaries).map((path) => access(path)));
  } catch (error) {
    throw new EmbeddedPostgresError(
      'binaries_missing',
      `The Postgres programs are missing in ${bin}: run npm ci --include=optional, or set DATABASE_URL.`,
      error,
    );
  }
  return { ...binaries, env: await linkLibraries(packageFolder, spare) };
}

/**
 * npm packages cannot hold symbolic links, so the package makes them in an install script,
 * which npm does not run unless told to.
 */
async function linkLibraries(packageFolder: string, spare: string) {
  const list = join(packageFolder, 'native', 'pg-symlinks.json');
  const text = await readFile(list, 'utf8').catch(() => '[]');
  const links = (JSON.parse(text) as { source: string; target: string }[]).map((entry) => ({
    source: join(packageFolder, entry.source),
    target: join(packageFolder, entry.target),
  }));
  try {
    for (const { source, target } of links) {
      await ensureLink(relative(dirname(target), source), target);
    }
    return {};
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (!['EACCES', 'EPERM', 'EROFS'].includes(code)) throw error;
  }
  await mkdir(spare, { recursive: true, mode: 0o711 });
  for (const { source, target } of links) await ensureLink(source, join(spare, basename(target)));
  const variable = process.platform === 'darwin' ? 'DYLD_LIBRARY_PATH' : 'LD_LIBRARY_PATH';
  return { [variable]: spare };
}

async function ensureLink(source: string, target: string): Promise<void> {
  const existing = await readlink(target).catch(() => undefined);
  if (existing === source) return;
  if (existing !== undefined) await rm(target, { force: true });
  try {
    await symlink(source, target);
  } catch (error) {
    // Another process was faster, or the package manager kept a plain copy of the library.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}
