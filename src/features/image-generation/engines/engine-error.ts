/**
 * What kind of trouble an engine is in, and so what the caller does next.
 *
 * - `invalid_request`: the engine refused the request itself; a repeat cannot help.
 * - `out_of_memory`: a smaller batch or another backend may do.
 * - `unavailable`: refused, reset before the request was sent, 502/503/504, rate limited; try later.
 * - `failed`: it is there, and answered with an error of its own (500); the request may be the reason.
 * - `misconfigured`: credentials or a route are wrong; this backend is out of service until a person acts.
 * - `bad_result`: a 200 whose pictures are not what was asked; try again.
 * - `mismatch`: it drew with another model, seed, size, steps or sampler than asked; it would again.
 * - `timeout`: a deadline of ours passed.
 * - `unknown_outcome`: the connection broke after the request was sent; look for an orphan, then try again.
 * - `aborted`: our own signal fired.
 */
export type EngineErrorKind =
  | 'invalid_request'
  | 'out_of_memory'
  | 'unavailable'
  | 'failed'
  | 'misconfigured'
  | 'bad_result'
  | 'mismatch'
  | 'timeout'
  | 'unknown_outcome'
  | 'aborted';

/** A failed call to an engine. `message` is written by us and safe to show; never the engine's body. */
export class EngineError extends Error {
  override readonly name = 'EngineError';

  constructor(
    readonly kind: EngineErrorKind,
    message: string,
    readonly details: { cause?: unknown; retryAfterSeconds?: number } = {},
  ) {
    super(message, { cause: details.cause });
  }
}
