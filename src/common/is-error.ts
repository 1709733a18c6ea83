import { types } from 'node:util';

/** True also for an error of another realm, such as Node's own errors when the code runs in a separate context. */
export function isError(value: unknown): value is Error {
  return value instanceof Error || types.isNativeError(value);
}
