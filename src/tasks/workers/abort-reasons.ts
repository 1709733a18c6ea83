import { constants } from 'node:os';
import { LeaseLost, WorkerStopping } from '../task-errors.js';
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
};

export function packReason(reason: Error): PackedReason {
  return {
    ...Object.fromEntries(Object.entries(reason)),
    name: reason.name,
    message: reason.message,
  };
}

export function unpackReason(packed: PackedReason): Error {
  return kinds[packed.name]?.(packed) ?? Object.assign(new Error(packed.message), packed);
}

/** What a reason may say about a child that does not stop by itself. */
export interface Termination {
  terminate?: boolean;
  /** First signal, SIGTERM if it names none; SIGKILL follows a second later. */
  signal?: NodeJS.Signals;
  /** Milliseconds that the handler gets to notice its signal. */
  graceMs?: number;
}

/** Beyond a handler's own deadline: a child that is alive answers for itself. Milliseconds. */
export const answerMs = 1_000;

/** When and how a child is killed that was told to stop. */
export function terminationOf(reason: Error & Termination): {
  signal: NodeJS.Signals;
  afterMs: number;
} {
  if (!reason.terminate) return { signal: 'SIGKILL', afterMs: noticeMs + answerMs };
  const known = reason.signal !== undefined && reason.signal in constants.signals;
  return {
    signal: known ? reason.signal! : 'SIGTERM',
    afterMs: reason.graceMs ?? noticeMs + answerMs,
  };
}
