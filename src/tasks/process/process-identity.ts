import { randomUUID } from 'node:crypto';
import { readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

const own = { host: `${hostname()} ${pidNamespace()}`, pid: process.pid };

/** Identifies this process in the rows of its tasks. Unlike a worker's name, it is unique. */
export const thisProcess = `${own.host}|${own.pid}|${randomUUID()}`;

/**
 * Whether the process with this identity has certainly ended. This can be known only of processes on the
 * same host and in the same pid namespace; for all others the answer is false.
 */
export function hasEnded(identity: string): boolean {
  const [host, pid] = identity.split('|');
  if (identity === thisProcess || host !== own.host) return false;
  // An earlier process had our pid.
  if (Number(pid) === own.pid) return true;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

/** Tells containers apart: two may have the same host name, and each has a process 1. */
function pidNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return '';
  }
}
