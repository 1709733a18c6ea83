import { execFile } from 'node:child_process';
import { readFile, readdir, readlink } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);
const hasProc = process.platform === 'linux';

async function ps(...args: string[]): Promise<string> {
  const { stdout } = await run('ps', args).catch(() => ({ stdout: '' }));
  return stdout;
}

const textOf = (path: string) => readFile(path, 'utf8').catch(() => '');

/**
 * Tells a process from a later one with the same pid: when it was started, on which boot.
 * Undefined when it is not running; a zombie is not.
 */
export async function identityOf(pid: number): Promise<string | undefined> {
  if (!hasProc) return (await ps('-o', 'lstart=', '-p', String(pid))).trim() || undefined;
  const stat = await textOf(`/proc/${pid}/stat`);
  // The name in parentheses may itself hold spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, startedAt] = [fields[0], fields[19]];
  if (startedAt === undefined || state === 'Z' || state === 'X') return undefined;
  return `${(await textOf('/proc/sys/kernel/random/boot_id')).trim()}/${startedAt}`;
}

export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Whether a pid answers, which a zombie and another user's process do too. */
export function answers(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

export interface PostgresProcess {
  pid: number;
  isPostmaster: boolean;
  /** Started by Darkroom, not by a person with pg_ctl. */
  isOurs: boolean;
}

/** Shows in the arguments of our postmaster and in the titles of its children. */
export const clusterName = 'darkroom';

/** The Postgres processes that work in this cluster. `postmaster` is the pid in its lock file. */
export async function postgresIn(
  cluster: string,
  postmaster: number | undefined,
): Promise<PostgresProcess[]> {
  if (!hasProc) return postgresByPs(cluster);
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const found: PostgresProcess[] = [];
  for (const pid of pids) {
    if ((await textOf(`/proc/${pid}/comm`)).trim() !== 'postgres') continue;
    const args = (await textOf(`/proc/${pid}/cmdline`)).split('\0');
    if (args[0] === '') continue;
    // Every Postgres process works in its cluster's folder. Another account's folder may be hidden.
    const folder = await readlink(`/proc/${pid}/cwd`).catch(() => undefined);
    const named = args[args.indexOf('-D') + 1] === cluster;
    if (folder === undefined ? !named && pid !== postmaster : folder !== cluster) continue;
    found.push({
      pid,
      isPostmaster: pid === postmaster || named,
      isOurs:
        args.includes(`cluster_name=${clusterName}`) ||
        args[0]?.startsWith(`postgres: ${clusterName}: `) === true,
    });
  }
  return found;
}

async function postgresByPs(cluster: string): Promise<PostgresProcess[]> {
  const lines = (await ps('-axo', 'pid=,command=')).split('\n');
  return lines
    .filter((line) => line.includes(` -D ${cluster} `))
    .map((line) => ({
      pid: Number.parseInt(line, 10),
      isPostmaster: true,
      isOurs: line.includes(`cluster_name=${clusterName}`),
    }));
}
