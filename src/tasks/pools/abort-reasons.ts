import {
  LeaseLost,
  TaskRevoked,
  WorkerStopping,
  type RevokeRequest,
} from '../definitions/task-errors.js';
import { noticeMs } from '../running/time-limits.js';

/** A reason for aborting a handler, as it is sent to a child process. */
export interface PackedReason {
  name: string;
  message: string;
  [field: string]: unknown;
}

/** Rebuilds each kind of reason in the child, from its name, message and own fields. */
const kinds: Record<string, (packed: PackedReason) => Error> = {
  LeaseLost: ({ message }) => new LeaseLost(message),
  WorkerStopping: ({ message }) => new WorkerStopping(message),
  TaskRevoked: ({ request }) => new TaskRevoked(request as RevokeRequest),
};

export function packReason(reason: Error): PackedReason {
  const own: Record<string, unknown> = Object.fromEntries(Object.entries(reason));
  return { ...own, name: reason.name, message: reason.message };
}

export function unpackReason(packed: PackedReason): Error {
  return kinds[packed.name]?.(packed) ?? Object.assign(new Error(packed.message), packed);
}

/** Extra time for a child to answer after its handler's own deadline, before it is killed. Milliseconds. */
export const answerMs = 1_000;

/**
 * When and how to kill a child after its handler was aborted: with the signal of a revocation that asks to
 * terminate, else with SIGKILL if the handler has not stopped by itself.
 */
export function terminationOf(reason: Error): { signal: NodeJS.Signals; afterMs: number } {
  if (!(reason instanceof TaskRevoked)) return { signal: 'SIGKILL', afterMs: noticeMs + answerMs };
  const { terminate, signal, graceMs } = reason.request;
  return terminate
    ? { signal, afterMs: graceMs }
    : { signal: 'SIGKILL', afterMs: graceMs + answerMs };
}
