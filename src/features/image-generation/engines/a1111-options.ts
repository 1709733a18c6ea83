/** Deadlines of the client of one server, in milliseconds. */
export interface A1111Options {
  /** From a free slot to the end of the answer; the server answers only when it is done. */
  totalMs: number;
  /** Without a sign of life from a job that the server has told of. */
  idleMs: number;
  /** For one small question: progress, interrupt, models. */
  askMs: number;
  /** Between two questions about the same job. */
  pollMs: number;
  /** How long a new attempt waits for what an earlier one left on the server. */
  orphanMs: number;
}

export const defaultA1111Options: A1111Options = {
  // Below the soft limit of the task (540 s), so that it is our error.
  totalMs: 530_000,
  // A checkpoint from a slow disk loads for a minute or more, and shows no progress meanwhile.
  idleMs: 120_000,
  askMs: 3_000,
  pollMs: 500,
  orphanMs: 10_000,
};
