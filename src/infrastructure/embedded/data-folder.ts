import { randomBytes, randomUUID } from 'node:crypto';
import {
  access,
  constants,
  mkdir,
  open,
  readFile,
  realpath,
  rename,
  rm,
  stat,
} from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { EmbeddedPostgresError, unwritable } from './embedded-postgres.error.js';

export interface DataFolder {
  root: string;
  /** Postgres' own folder. */
  cluster: string;
  credentials: string;
  port: string;
  log: string;
  /** Links to libraries, when they cannot be made beside the binaries. */
  libraries: string;
}

export interface Credentials {
  /** Of `postgres`, the superuser, used only to set things up. */
  adminPassword: string;
  /** Of `darkroom`, the role in the URL. */
  password: string;
}

/** Makes the folder if it is missing, and checks that it is ours. */
export async function openDataFolder(dataDir: string): Promise<DataFolder> {
  const wanted = resolve(dataDir);
  try {
    await mkdir(dirname(wanted), { recursive: true });
    await mkdir(wanted, { recursive: true, mode: 0o700 });
    await access(wanted, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    if (isDenied(error)) await checkOwner(wanted, wanted);
    throw error;
  }
  const root = await realpath(wanted);
  const folder = {
    root,
    cluster: join(root, 'cluster'),
    credentials: join(root, 'credentials.json'),
    port: join(root, 'port'),
    log: join(root, 'postgres.log'),
    libraries: join(root, 'libraries'),
  };
  // The cluster itself may belong to the account Postgres runs as.
  await checkOwner(folder.credentials, root);
  return folder;
}

async function checkOwner(path: string, root: string): Promise<void> {
  const me = process.geteuid?.();
  const owner = await stat(path).catch(() => undefined);
  if (!owner || me === undefined || owner.uid === me) return;
  throw new EmbeddedPostgresError(
    'data_folder_owner_mismatch',
    `The data folder ${root} belongs to user ${await nameOf(owner.uid)}, but Darkroom runs as user ${await nameOf(me)}: run it as the owner, or set DARKROOM_DATA_DIR to another folder.`,
  );
}

async function nameOf(uid: number): Promise<string> {
  const text = await readFile('/etc/passwd', 'utf8').catch(() => '');
  const entry = text.split('\n').find((line) => line.split(':')[2] === String(uid));
  return entry?.split(':')[0] ?? String(uid);
}

const isDenied = (error: unknown) =>
  ['EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '');

/** Undefined when there is no cluster here yet. */
export async function clusterVersion(folder: DataFolder): Promise<string | undefined> {
  if (!(await exists(folder.cluster))) return undefined;
  const version = await readFile(join(folder.cluster, 'PG_VERSION'), 'utf8').catch(
    (error: unknown) => {
      throw isDenied(error) ? unwritable(folder.root, error) : damaged(folder, 'PG_VERSION', error);
    },
  );
  return version.trim();
}

export async function readCredentials(folder: DataFolder): Promise<Credentials> {
  try {
    const stored = JSON.parse(await readFile(folder.credentials, 'utf8')) as Partial<Credentials>;
    const { adminPassword, password } = stored;
    if (typeof adminPassword !== 'string' || typeof password !== 'string') throw new SyntaxError();
    return { adminPassword, password };
  } catch (error) {
    if (isDenied(error)) throw error;
    throw damaged(folder, folder.credentials, error);
  }
}

export async function makeCredentials(folder: DataFolder): Promise<Credentials> {
  const secret = () => randomBytes(24).toString('base64url');
  const credentials = { adminPassword: secret(), password: secret() };
  await replaceFile(folder.credentials, JSON.stringify(credentials));
  return credentials;
}

function damaged(folder: DataFolder, file: string, cause: unknown): EmbeddedPostgresError {
  return new EmbeddedPostgresError(
    'data_folder_damaged',
    `The data folder ${folder.root} is damaged, as ${file} is missing or unreadable: restore it from a backup, or move the folder away to begin anew.`,
    cause,
  );
}

export async function rememberedPort(folder: DataFolder): Promise<number | undefined> {
  const port = Number(await readFile(folder.port, 'utf8').catch(() => ''));
  return Number.isInteger(port) && port > 0 && port < 65_536 ? port : undefined;
}

export async function rememberPort(folder: DataFolder, port: number): Promise<void> {
  await replaceFile(folder.port, String(port));
}

/** After a power failure the file is complete: either the old one or the new one. */
async function replaceFile(path: string, text: string): Promise<void> {
  const draft = `${path}-${randomUUID()}.tmp`;
  try {
    const file = await open(draft, 'wx', 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, path);
    await syncFolder(dirname(path));
  } finally {
    await rm(draft, { force: true });
  }
}

export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

export async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    (error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
      throw error;
    },
  );
}
