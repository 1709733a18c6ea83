import { afterAll } from '@jest/globals';
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { cliRun, nowhere, type CliRun } from './cli.js';
import type { CommandEnd, CommandLine } from './cli-host.js';

const program = fileURLToPath(new URL('./cli-host.js', import.meta.url));

interface Host {
  child: ChildProcess;
  /** Rejects when its process ends. */
  gone: Promise<never>;
}

const hosts: Host[] = [];
const idle: Host[] = [];

afterAll(async () => {
  for (const { child } of hosts) child.kill();
  await Promise.allSettled(hosts.splice(0).map(({ gone }) => gone));
});

/**
 * One command line in a process that has run others before: for what a command does, where `darkroom` is for
 * how its process begins and ends. Commands at the same time have a process each.
 */
export async function warmDarkroom(
  args: string[],
  env: Record<string, string | undefined> = {},
  input = '',
): Promise<CliRun> {
  const host = idle.pop() ?? startHost();
  const line: CommandLine = { args, env: { PATH: process.env['PATH'], ...env }, input };
  host.child.send(line);
  const [end] = (await Promise.race([once(host.child, 'message'), host.gone])) as [CommandEnd];
  idle.push(host);
  return cliRun(args, end);
}

function startHost(): Host {
  const child = fork(program, { cwd: nowhere, env: { PATH: process.env['PATH'] } });
  const gone = once(child, 'exit').then(([code, signal]) => {
    throw new Error(`The process of the commands ended (${code ?? signal}).`);
  });
  gone.catch(() => {});
  const host = { child, gone };
  hosts.push(host);
  return host;
}
