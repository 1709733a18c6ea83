import { LeaseLost, TaskRevoked, WorkerStopping, type RevokeRequest } from '../task-errors.js';
import { noticeMs } from './task-run.js';

/** A reason for the handler's signal, on its way to a child. */
export interface PackedReason {
  name: string;
  message: string;
  [field: string]: unknown;
}

/** How each kind of reason is made again in the child, from its name, message and own fields. */
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

/** Beyond a handler's own deadline: a child that is alive answers for itself. Milliseconds. */
export const answerMs = 1_000;

/**
 * When and how a child is killed that was told to stop: with the signal that a revocation names, or
 * with SIGKILL when a handler that may stop by itself has not.
 */
export function terminationOf(reason: Error): { signal: NodeJS.Signals; afterMs: number } {
  if (!(reason instanceof TaskRevoked)) return { signal: 'SIGKILL', afterMs: noticeMs + answerMs };
  const { terminate, signal, graceMs } = reason.request;
  return terminate
    ? { signal, afterMs: graceMs }
    : { signal: 'SIGKILL', afterMs: graceMs + answerMs };
}
