import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { eventually } from './eventually.js';

/** Most of a short process is its start, and half a second of that the compiler that optimises. */
export const lightly = ['--no-opt'];

/** A Darkroom process of a test: its own program, real signals. */
export interface TestProcess {
  child: ChildProcess;
  /** All that it has written so far. */
  output: () => string;
  /** Resolves when `text` was written. @throws with the output when it ends before, or takes too long */
  says: (text: string | RegExp, withinMs?: number) => Promise<void>;
  /** @returns exit code, or the signal's name */
  ended: () => Promise<number | string>;
  kill: (signal: NodeJS.Signals) => void;
  isRunning: () => boolean;
}

/** @param program path below this build, for example `src/worker.js` */
export function startProcess(
  program: string,
  args: string[],
  env: Record<string, string | undefined>,
  options: { uid?: number; gid?: number; cwd?: string } = {},
): TestProcess {
  const file = fileURLToPath(new URL(`../../${program}`, import.meta.url));
  const child = spawn(process.execPath, [...lightly, file, ...args], {
    env: { PATH: process.env['PATH'], LOG_FORMAT: 'pretty', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...options,
  });
  let written = '';
  child.stdout.on('data', (chunk) => (written += String(chunk)));
  child.stderr.on('data', (chunk) => (written += String(chunk)));
  const closed = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
  const isRunning = () => child.exitCode === null && child.signalCode === null;
  return {
    child,
    output: () => written,
    says: async (text, withinMs) => {
      const found = () => (typeof text === 'string' ? written.includes(text) : text.test(written));
      const ended = closed.then(() => {
        if (!found()) throw new Error(`${program} ended without saying ${text}:\n${written}`);
      });
      const said = eventually(`${program} says ${text}; it said:\n${written}`, found, withinMs);
      await Promise.race([said, ended]);
    },
    ended: async () => {
      const [code, signal] = await closed;
      return code ?? signal!;
    },
    kill: (signal) => child.kill(signal),
    isRunning,
  };
}

/** Ends it the hard way if it still runs; for `after`. */
export async function endProcess(process: TestProcess): Promise<void> {
  if (process.isRunning()) process.kill('SIGKILL');
  await process.ended();
}
