import { spawn } from 'node:child_process';
import { open, rename } from 'node:fs/promises';
import { waitAtMost } from '../../common/deadline.js';
import type { DataFolder } from './data-folder.js';
import { EmbeddedPostgresError } from './embedded-postgres.error.js';
import { readPostmasterFile } from './postmaster-file.js';
import { signal } from './process-table.js';
import type { Launcher } from './run-as.js';
import { lastLines, readFrom, sizeOf } from './start-failure.js';

export interface PostgresExit {
  /** True after `stop()`. */
  expected: boolean;
  /** A sentence for the log. */
  message: string;
}

export interface Postmaster {
  pid: number;
  exited: Promise<PostgresExit>;
  stop(): Promise<void>;
}

export type StartOutcome = { postmaster: Postmaster } | { failed: string };

const maxLogBytes = 5 * 1024 * 1024;
const patienceMs = 5000;

/** Waits until Postgres is ready, or until it gives up; its log then says why. */
export async function startPostmaster(
  folder: DataFolder,
  launcher: Launcher,
  binary: string,
  args: string[],
  timeoutMs: number,
): Promise<StartOutcome> {
  const deadline = Date.now() + timeoutMs;
  const logStart = await rotateLog(folder.log);
  const postmaster = await launch(folder, launcher, binary, args);
  let gone = false;
  void postmaster.exited.then(() => (gone = true));
  const log = () => readFrom(folder.log, logStart);
  for (;;) {
    if (gone) return { failed: await log() };
    const file = await readPostmasterFile(folder.cluster);
    if (file?.isReady === true && file.pid === postmaster.pid) return { postmaster };
    if (Date.now() > deadline) {
      await postmaster.stop();
      throw new EmbeddedPostgresError(
        'start_timeout',
        `Postgres was not ready after ${timeoutMs / 1000} s. The last lines of ${folder.log}:\n${lastLines(await log())}`,
      );
    }
    await waitAtMost(20, postmaster.exited);
  }
}

/** The size at which this run's part of the log begins. */
async function rotateLog(path: string): Promise<number> {
  const size = await sizeOf(path);
  if (size < maxLogBytes) return size;
  await rename(path, `${path}.1`);
  return 0;
}

async function launch(
  folder: DataFolder,
  launcher: Launcher,
  binary: string,
  args: string[],
): Promise<Postmaster> {
  const [file, rest] = launcher.command(binary, args);
  const log = await open(folder.log, 'a', 0o600);
  try {
    const child = spawn(file, rest, {
      cwd: '/',
      env: launcher.env,
      stdio: ['ignore', log.fd, log.fd],
      // A session of its own: Ctrl-C in the terminal must not reach it before Darkroom has drained.
      detached: true,
    });
    let stopping: Promise<void> | undefined;
    const exited = new Promise<PostgresExit>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code, killer) => {
        const how = killer === null ? `exit code ${code}` : `signal ${killer}`;
        const expected = stopping !== undefined;
        const message = expected
          ? `Postgres was stopped (${how}).`
          : `Postgres ended by itself (${how}); see ${folder.log}.`;
        resolve({ expected, message });
      });
    });
    const { pid } = child;
    if (pid === undefined) {
      await exited;
      throw new Error('unreachable');
    }
    // Darkroom may end without stop(); Postgres then ends with it.
    child.unref();
    const stop = async () => {
      child.ref();
      const kill = (name: NodeJS.Signals) => {
        if (child.exitCode === null && child.signalCode === null) signal(pid, name);
      };
      kill('SIGINT');
      const harder = setTimeout(kill, patienceMs, 'SIGQUIT');
      const hardest = setTimeout(kill, patienceMs * 2, 'SIGKILL');
      await exited;
      clearTimeout(harder);
      clearTimeout(hardest);
    };
    return { pid, exited, stop: () => (stopping ??= stop()) };
  } finally {
    await log.close();
  }
}
