import { execFile } from 'node:child_process';
import { chmod, readFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { promisify } from 'node:util';
import { EmbeddedPostgresError } from './embedded-postgres.error.js';
import type { PostgresBinaries } from './postgres-binaries.js';

/**
 * Postgres refuses to run as root.
 * - `direct`: as the user we are.
 * - `namespace`: in a user namespace, where root is called by another name but keeps its rights to files.
 *   Nothing changes owner, and folders only root can enter stay reachable.
 * - `capability`: as another account that may pass any folder; that account owns the cluster.
 * - `account`: as another account without more rights; it must be able to reach all folders.
 */
export type RunAs = 'direct' | 'namespace' | 'capability' | 'account';

export interface Launcher {
  runAs: RunAs;
  /** Who must own the cluster's files. */
  owner: { uid: number; gid: number };
  env: Record<string, string>;
  /** As `postgres --version` has it: 18. */
  majorVersion: string;
  command(binary: string, args: string[]): [string, string[]];
}

const run = promisify(execFile);
const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** The kernel stops Postgres when the thread that started it ends, even after kill -9. */
const dieWithParent = ['setpriv', '--pdeathsig', 'INT', '--'];

/** The first way to run that works here, found by running `postgres --version` with it. */
export async function findLauncher(
  binaries: PostgresBinaries,
  root: string,
  forced?: RunAs,
): Promise<Launcher> {
  const env = { PATH: path, LC_ALL: 'C', TZ: 'UTC', ...binaries.env };
  const failures: unknown[] = [];
  for (const candidate of await candidates(forced)) {
    if (candidate.runAs === 'account') await chmod(root, 0o711);
    for (const prefix of [[...candidate.prefix, ...dieWithParent], candidate.prefix]) {
      const command = (binary: string, args: string[]): [string, string[]] => {
        const [program = binary, ...rest] = [...prefix, binary, ...args];
        return [program, rest];
      };
      try {
        const script = 'test "$(id -u)" -ne 0 && test -x "$1" && exec "$2" --version';
        const [file, args] = command('sh', ['-c', script, 'sh', root, binaries.postgres]);
        const { stdout } = await run(file, args, { env, cwd: '/', timeout: 10_000 });
        const majorVersion = /(\d+)(\.|\s*$)/.exec(stdout)?.[1] ?? '';
        return { ...candidate, env, majorVersion, command };
      } catch (error) {
        failures.push(error);
      }
    }
    if (candidate.runAs === 'account') await chmod(root, 0o700);
  }
  throw whyNot(failures);
}

interface Candidate {
  runAs: RunAs;
  owner: { uid: number; gid: number };
  prefix: string[];
}

async function candidates(forced: RunAs | undefined): Promise<Candidate[]> {
  const self = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };
  const account = await otherAccount();
  const { uid, gid } = account;
  const drop = ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups'];
  const raise = [
    '--inh-caps=+dac_override',
    '--ambient-caps=+dac_override',
    // Without it access(2), by which initdb looks for its files, disregards the capability.
    '--securebits=+no_setuid_fixup',
  ];
  const all: Candidate[] = [
    { runAs: 'direct', owner: self, prefix: [] },
    {
      runAs: 'namespace',
      owner: self,
      prefix: ['unshare', '--user', `--map-user=${uid}`, `--map-group=${gid}`, '--'],
    },
    { runAs: 'capability', owner: account, prefix: [...drop, ...raise, '--'] },
    { runAs: 'account', owner: account, prefix: [...drop, '--'] },
  ];
  const wanted = forced === undefined ? usable(self.uid) : [forced];
  return wanted.flatMap((way) => all.filter(({ runAs }) => runAs === way));
}

function usable(uid: number): RunAs[] {
  if (uid === 0) return ['namespace', 'capability', 'account'];
  // initdb wants a name for its user, which a container started with a bare uid lacks.
  return hasName() ? ['direct'] : ['namespace', 'direct'];
}

function hasName(): boolean {
  try {
    return userInfo().username !== '';
  } catch {
    return false;
  }
}

async function otherAccount(): Promise<{ uid: number; gid: number }> {
  const text = await readFile('/etc/passwd', 'utf8').catch(() => '');
  const accounts = text
    .split('\n')
    .map((line) => line.split(':'))
    .map(([name, , uid, gid]) => ({ name, uid: Number(uid), gid: Number(gid) }))
    .filter(({ uid, gid }) => uid > 0 && gid >= 0);
  const named = (name: string) => accounts.find((account) => account.name === name);
  const { uid, gid } = named('postgres') ??
    named('nobody') ??
    accounts[0] ?? { uid: 65534, gid: 65534 };
  return { uid, gid };
}

function whyNot(failures: unknown[]): EmbeddedPostgresError {
  const details = failures
    .map((failure) => (failure as { stderr?: string }).stderr ?? '')
    .join('\n');
  const cause = new AggregateError(failures, details);
  if (process.geteuid?.() === 0) {
    return new EmbeddedPostgresError(
      'cannot_run_as_root',
      'Postgres does not run as root, and this machine permits neither a user namespace nor another account for it: run Darkroom as an ordinary user, or set DATABASE_URL.',
      cause,
    );
  }
  return new EmbeddedPostgresError(
    'binaries_broken',
    `The Postgres that Darkroom brings does not run on this machine (it needs glibc, which Alpine lacks): set DATABASE_URL. ${lastLine(details)}`.trim(),
    cause,
  );
}

const lastLine = (text: string) => text.trim().split('\n').at(-1) ?? '';
