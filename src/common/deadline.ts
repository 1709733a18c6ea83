import { setMaxListeners } from 'node:events';

/**
 * Every deadline in Darkroom, and every race with a timer. Node 20 may collect the inner signals of
 * `AbortSignal.any` and `AbortSignal.timeout` as garbage, and then they never fire. Here the timer itself
 * holds what it ends, and nothing stays behind once the wait is over: no timer, no listener.
 */

/** 24 days, in milliseconds. Node fires a longer timer at once, so a longer deadline is none. */
const longestTimerMs = 2 ** 31 - 1;

export class DeadlineExceeded extends Error {
  override readonly name = 'DeadlineExceeded';

  constructor(readonly ms: number) {
    super(`no answer within ${ms / 1000} s`);
  }
}

export interface Deadline {
  readonly signal: AbortSignal;
  /** Ends the deadline without firing. Always call it, in a `finally`. */
  readonly clear: () => void;
}

/**
 * A signal that fires after `ms` with {@link DeadlineExceeded}, or before that with the reason of the
 * first of `signals` that fires.
 *
 * @param ms milliseconds; `Infinity`, or more than 24 days: only the signals count
 */
export function deadline(ms: number, ...signals: (AbortSignal | undefined)[]): Deadline {
  const controller = new AbortController();
  const undo: (() => void)[] = [];
  const clear = () => {
    for (const step of undo.splice(0)) step();
  };
  const fire = (reason: unknown) => {
    clear();
    controller.abort(reason);
  };
  for (const signal of signals) {
    if (!signal) continue;
    if (signal.aborted) {
      fire(signal.reason);
      break;
    }
    undo.push(onAbort(signal, () => fire(signal.reason)));
  }
  if (!controller.signal.aborted && ms <= longestTimerMs) {
    const timer = setTimeout(() => fire(new DeadlineExceeded(ms)), Math.max(0, Math.ceil(ms)));
    undo.push(() => clearTimeout(timer));
  }
  return { signal: controller.signal, clear };
}

/**
 * The result of `work`, if it is there in time. Later, `work` is not cancelled, and its result is ignored.
 *
 * @param ms milliseconds
 * @throws what `late` makes when the time is over; the reason of a signal that fires before; else what `work` throws
 */
export async function within<T>(
  ms: number,
  work: Promise<T>,
  late: (exceeded: DeadlineExceeded) => unknown = (exceeded) => exceeded,
  ...signals: (AbortSignal | undefined)[]
): Promise<T> {
  const end = deadline(ms, ...signals);
  let forget = () => {};
  const ended = new Promise<never>((_, reject) => {
    forget = onAbort(end.signal, () => {
      const reason: unknown = end.signal.reason;
      reject(reason instanceof DeadlineExceeded ? late(reason) : reason);
    });
  });
  try {
    return await Promise.race([work, ended]);
  } finally {
    forget();
    end.clear();
  }
}

/**
 * Waits until `work` is over, but no longer than `ms` and no longer than until one of `signals` fires.
 *
 * @param ms milliseconds
 * @returns whether `work` was over in time
 * @throws what `work` throws in time
 */
export async function waitAtMost(
  ms: number,
  work: Promise<unknown>,
  ...signals: (AbortSignal | undefined)[]
): Promise<boolean> {
  const end = deadline(ms, ...signals);
  let forget = () => {};
  const ended = new Promise<false>((resolve) => {
    forget = onAbort(end.signal, () => resolve(false));
  });
  try {
    return await Promise.race([work.then(() => true), ended]);
  } finally {
    forget();
    end.clear();
  }
}

/**
 * Resolves after `ms`, or as soon as one of `signals` fires. Never throws.
 *
 * @param ms milliseconds
 */
export async function pause(ms: number, ...signals: (AbortSignal | undefined)[]): Promise<void> {
  const end = deadline(ms, ...signals);
  await new Promise<void>((resolve) => void onAbort(end.signal, resolve));
}

/** For a signal that any number of waits share. For other signals, Node warns of a leak at the eleventh listener. */
export function sharedAbort(): AbortController {
  const controller = new AbortController();
  setMaxListeners(0, controller.signal);
  return controller;
}

/** Calls back once, at once if the signal has fired already. @returns removes the listener */
export function onAbort(signal: AbortSignal, then: () => void): () => void {
  if (signal.aborted) {
    then();
    return () => {};
  }
  signal.addEventListener('abort', then, { once: true });
  return () => signal.removeEventListener('abort', then);
}
