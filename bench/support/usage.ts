import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';

const ticksPerSecond = 100;

/** What a process used while something ran. NaN where there is no /proc. */
export interface Usage {
  /** Milliseconds of one core. */
  cpuMs: number;
  /** Percent of the machine's cores that had nothing to do, whoever used the others. */
  idle: number;
}

/** Call the returned function at the end. */
export function watchUsage(pid: number): () => Usage {
  const start = timesOf(pid);
  return () => {
    const end = timesOf(pid);
    const wall = end.at - start.at;
    return {
      cpuMs: end.cpuMs - start.cpuMs,
      idle: ((end.idleMs - start.idleMs) / (wall * cpus().length)) * 100,
    };
  };
}

/** Resident memory, MiB. NaN where there is no /proc. */
export function residentMemory(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(read(pid, 'status'))?.[1];
  return kilobytes === undefined ? NaN : Number(kilobytes) / 1024;
}

function timesOf(pid: number) {
  // After the name in brackets, which may hold spaces: state is the 3rd field, user time the 14th.
  const [, rest = ''] = read(pid, 'stat').split(') ');
  const [user, system] = rest.split(' ').slice(11, 13).map(Number);
  return {
    at: performance.now(),
    cpuMs: (((user ?? NaN) + (system ?? NaN)) * 1000) / ticksPerSecond,
    idleMs: cpus().reduce((sum, cpu) => sum + cpu.times.idle, 0),
  };
}

function read(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}
