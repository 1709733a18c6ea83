import { chmod, stat } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import {
  clusterVersion,
  makeCredentials,
  openDataFolder,
  readCredentials,
  rememberPort,
  rememberedPort,
  type DataFolder,
} from './data-folder.js';
import { EmbeddedPostgresError, asFolderError } from './embedded-postgres.error.js';
import { lockFolder } from './folder-lock.js';
import { freePort } from './free-port.js';
import { giveTree, initCluster, removeDrafts } from './init-cluster.js';
import { stopLeftovers } from './leftovers.js';
import { postgresBinaries } from './postgres-binaries.js';
import { startPostmaster, type PostgresExit, type Postmaster } from './postmaster.js';
import { prepareDatabase } from './prepare-database.js';
import { clusterName } from './process-table.js';
import { findLauncher, type Launcher, type RunAs } from './run-as.js';
import { isPassing, isPortTaken, startFailure } from './start-failure.js';
import { isError } from '../../common/is-error.js';

export interface EmbeddedPostgresOptions {
  /** Holds the cluster, its passwords, its port and its log. Made if missing. */
  dataDir: string;
  /** Created if missing; owned by the role in the URL. */
  database: string;
  /** False: faster, and a power failure may lose everything. For tests. Default true. */
  durable?: boolean;
  /** Postgres settings, as for `postgres -c`. */
  settings?: Record<string, string>;
  /** Called with one line for each step; never with a password. */
  log?: (line: string) => void;
  /** How to run when we are root, instead of the first way that works. */
  runAs?: RunAs;
  /** How long Postgres may take to be ready. Default 60 s. */
  timeoutMs?: number;
}

export interface EmbeddedPostgres {
  /** With the password: not for logs. */
  url: string;
  port: number;
  pid: number;
  /** The cluster was made by this start. */
  firstStart: boolean;
  runAs: RunAs;
  /** Resolves when Postgres has ended, for whatever reason. Never rejects; keeps no process alive. */
  exited: Promise<PostgresExit>;
  /** Resolves when Postgres has ended. May be called again. */
  stop(): Promise<void>;
}

/** @throws EmbeddedPostgresError */
export async function startEmbeddedPostgres(
  options: EmbeddedPostgresOptions,
): Promise<EmbeddedPostgres> {
  try {
    const folder = await openDataFolder(options.dataDir);
    const release = await lockFolder(folder.root);
    try {
      const started = await startLocked(folder, options);
      // A release that fails leaves a lock of a process that will be gone.
      const exited = started.exited.then(async (exit) => {
        await release().catch(() => undefined);
        return exit;
      });
      const stop = async () => {
        await started.stop();
        await exited;
      };
      return { ...started, exited, stop };
    } catch (error) {
      await release().catch(() => undefined);
      throw error;
    }
  } catch (error) {
    const known = asFolderError(error, options.dataDir);
    if (known instanceof EmbeddedPostgresError) throw known;
    const reason = isError(error) ? error.message : String(error);
    throw new EmbeddedPostgresError(
      'start_failed',
      `The embedded Postgres in ${options.dataDir} did not start: ${reason}`,
      error,
    );
  }
}

async function startLocked(
  folder: DataFolder,
  options: EmbeddedPostgresOptions,
): Promise<EmbeddedPostgres> {
  const { durable = true, log = () => undefined, database } = options;
  const version = await clusterVersion(folder);
  const firstStart = version === undefined;
  if (!firstStart) await stopLeftovers(folder, log);
  await removeDrafts(folder);
  const binaries = await postgresBinaries(folder.libraries);
  const launcher = await findLauncher(binaries, folder.root, options.runAs);
  if (!firstStart) refuseOtherVersion(folder, version, launcher);
  const credentials = firstStart ? await makeCredentials(folder) : await readCredentials(folder);
  if (firstStart) {
    log(`Making a Postgres ${launcher.majorVersion} database in ${folder.root}.`);
    await initCluster(folder, binaries, launcher, credentials, durable);
  }
  await fixPermissions(folder, launcher);
  const { postmaster, port } = await startOnFreePort(folder, launcher, binaries.postgres, options);
  try {
    await prepareDatabase(port, credentials, database);
  } catch (error) {
    await postmaster.stop();
    throw error;
  }
  log(
    `Postgres ${launcher.majorVersion} is ready on 127.0.0.1:${port} (process ${postmaster.pid}).`,
  );
  const url = `postgres://darkroom:${credentials.password}@127.0.0.1:${port}/${encodeURIComponent(database)}`;
  return { url, port, firstStart, runAs: launcher.runAs, ...postmaster };
}

function refuseOtherVersion(folder: DataFolder, version: string, launcher: Launcher): void {
  if (version === launcher.majorVersion) return;
  throw new EmbeddedPostgresError(
    'version_mismatch',
    `The data in ${folder.root} is of Postgres ${version}, but Darkroom brings Postgres ${launcher.majorVersion}: dump it with the old version and restore it in a new folder, or set DATABASE_URL.`,
  );
}

/** Copying a folder or changing how root runs Postgres leaves a mode or an owner Postgres refuses. */
async function fixPermissions(folder: DataFolder, launcher: Launcher): Promise<void> {
  const { uid, mode } = await stat(folder.cluster);
  if (uid !== launcher.owner.uid) await giveTree(folder.cluster, launcher.owner);
  if ((mode & 0o777) !== 0o700) await chmod(folder.cluster, 0o700);
}

async function startOnFreePort(
  folder: DataFolder,
  launcher: Launcher,
  binary: string,
  options: EmbeddedPostgresOptions,
): Promise<{ postmaster: Postmaster; port: number }> {
  const { timeoutMs = 60_000, log = () => undefined } = options;
  let remembered = await rememberedPort(folder);
  for (let attempt = 1; ; attempt++) {
    const port = await freePort(remembered);
    if (remembered !== undefined && port !== remembered) {
      log(`Port ${remembered} is taken by another program; Postgres moves to ${port}.`);
    }
    const args = postgresArguments(folder, port, options);
    const outcome = await startPostmaster(folder, launcher, binary, args, timeoutMs);
    if ('postmaster' in outcome) {
      if (port !== remembered)
        await rememberPort(folder, port).catch(stopAndThrow(outcome.postmaster));
      return { postmaster: outcome.postmaster, port };
    }
    if (attempt === 10 || !isPassing(outcome.failed))
      throw await startFailure(outcome.failed, folder);
    if (isPortTaken(outcome.failed)) remembered = undefined;
    else await delay(300);
  }
}

const stopAndThrow = (postmaster: Postmaster) => async (error: unknown) => {
  await postmaster.stop();
  throw error;
};

function postgresArguments(
  folder: DataFolder,
  port: number,
  { durable = true, settings = {} }: EmbeddedPostgresOptions,
): string[] {
  const all: Record<string, string> = {
    shared_buffers: '128MB',
    max_connections: '200',
    timezone: 'UTC',
    log_timezone: 'UTC',
    log_checkpoints: 'off',
    ...(durable ? {} : { fsync: 'off', full_page_writes: 'off' }),
    ...settings,
    cluster_name: clusterName,
    listen_addresses: '127.0.0.1',
    port: String(port),
    // A socket would be a second door, in a folder that others may write.
    unix_socket_directories: '',
    // The last lines of our log file are part of error messages.
    logging_collector: 'off',
    log_destination: 'stderr',
  };
  const flags = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  return ['-D', folder.cluster, ...flags];
}
