import { randomUUID } from 'node:crypto';
import { readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

const own = { host: `${hostname()} ${pidNamespace()}`, pid: process.pid };

/** This process, as tasks that it claims name it: unlike its worker's name, no other one has it. */
export const thisProcess = `${own.host}|${own.pid}|${randomUUID()}`;

/**
 * Whether the process that calls itself so has certainly ended. Only one that shares our host and its
 * process ids can be known; of any other, false.
 */
export function hasEnded(identity: string): boolean {
  const [host, pid] = identity.split('|');
  if (identity === thisProcess || host !== own.host) return false;
  // Another process had our number before us.
  if (Number(pid) === own.pid) return true;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

/** Two containers may share a host name, and each has a process 1. */
function pidNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return '';
  }
}
