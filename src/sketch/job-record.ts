export type JobOutcome = 'queued' | 'running' | 'done' | 'interrupted' | 'failed' | 'lost';

/** What really happened to one job, for tests. The engine itself does not show it. */
export interface JobRecord {
  id_task: string;
  seed: number;
  model: string;
  steps: number;
  started_at_ms: number | null;
  finished_at_ms: number | null;
  /** `lost`: a restart or the end of the program took it. */
  outcome: JobOutcome;
}
