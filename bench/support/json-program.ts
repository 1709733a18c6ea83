import { startProcess } from '../../test/support/processes.js';

/** Runs a program of this build that writes one JSON value: a load generator of its own process. */
export async function runJson<T>(program: string, args: unknown): Promise<T> {
  const process = startProcess(program, [JSON.stringify(args)], {});
  const code = await process.ended();
  if (code !== 0) throw new Error(`${program} ended with ${code}:\n${process.output()}`);
  return JSON.parse(process.output()) as T;
}
