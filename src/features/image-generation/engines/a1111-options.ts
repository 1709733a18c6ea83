/** Deadlines for requests to one server, in milliseconds. */
export interface A1111Options {
  /** From a free slot to the end of the answer; the server answers only when the picture is done. */
  totalMs: number;
  /** How long a job that the server has reported may show no sign of life. */
  idleMs: number;
  /** For one small request: progress, interrupt, models. */
  askMs: number;
  /** Interval between two requests about the same job. */
  pollMs: number;
  /** How long a new attempt waits for jobs that an earlier one left on the server. */
  orphanMs: number;
}

export const defaultA1111Options: A1111Options = {
  // Below the soft limit of the task (540 s), so that the call fails with our error.
  totalMs: 530_000,
  // A checkpoint on a slow disk takes a minute or more to load, without any progress.
  idleMs: 120_000,
  askMs: 3_000,
  pollMs: 500,
  orphanMs: 10_000,
};
