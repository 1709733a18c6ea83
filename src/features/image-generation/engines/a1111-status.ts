import type { AxiosResponse } from 'axios';
import { z } from 'zod';
import type { A1111Http } from './a1111-http.js';
import { EngineError } from './engine-errors.js';

const taskStatus = z.object({
  active: z.boolean(),
  queued: z.boolean(),
  completed: z.boolean(),
  progress: z.number().nullish(),
  eta: z.number().nullish(),
});
const globalStatus = z.object({
  progress: z.number(),
  eta_relative: z.number(),
  state: z.object({
    /** 0: nothing runs. -1: a job begins. */
    job_count: z.number(),
    sampling_step: z.number(),
    sampling_steps: z.number(),
    interrupted: z.boolean().optional(),
    skipped: z.boolean().optional(),
    job_timestamp: z.string().optional(),
  }),
});

export type TaskStatus = z.infer<typeof taskStatus>;
export type GlobalStatus = z.infer<typeof globalStatus>;

/**
 * `none`: the server does not report it. `absent`: the server is down. `silent`: it did not answer this time.
 */
export type NoStatus = 'none' | 'absent' | 'silent';

type Route = 'task' | 'global';

export function isStatus<T extends object>(status: T | NoStatus): status is T {
  return typeof status === 'object';
}

/** What a server reports about its jobs, and the one command it accepts. Never rejects. */
export class A1111Status {
  /** A missing route is not requested again until the server was down or refused a look: it may be another server then. */
  private readonly missing = new Set<Route>();

  constructor(
    private readonly http: A1111Http,
    private readonly askMs: number,
  ) {}

  /** False when jobs have no ids there, so that no single job can be recognised or stopped. */
  get tellsJobs(): boolean {
    return !this.missing.has('task');
  }

  /** False when it reports nothing about what it draws. */
  get tells(): boolean {
    return this.missing.size < 2;
  }

  /** Status of one job by its id; `none` under `--nowebui` and on servers without ids. */
  async task(jobId: string, signal?: AbortSignal): Promise<TaskStatus | NoStatus> {
    const body = { id_task: jobId, live_preview: false };
    return this.read('task', taskStatus, () =>
      this.http.post('/internal/progress', body, this.askMs, { signal }),
    );
  }

  /** Status of whatever the server draws, for any client. */
  async global(signal?: AbortSignal): Promise<GlobalStatus | NoStatus> {
    const path = '/sdapi/v1/progress?skip_current_image=true';
    return this.read('global', globalStatus, () => this.http.get(path, this.askMs, { signal }));
  }

  /** Whether the server still answers; for servers that report nothing else. */
  async alive(signal?: AbortSignal): Promise<'there' | 'absent' | 'silent'> {
    try {
      await this.http.get('/sdapi/v1/sd-models', this.askMs, { signal });
      return 'there';
    } catch (error) {
      return this.withoutAnswer(error);
    }
  }

  /** Stops whatever the server draws. @returns whether the server accepted the command */
  async interrupt(): Promise<boolean> {
    const answer = await this.http
      .post('/sdapi/v1/interrupt', {}, this.askMs)
      .catch(() => undefined);
    return answer !== undefined && answer.status < 300;
  }

  /** Missing routes are requested again after this. */
  forget(): void {
    this.missing.clear();
  }

  private async read<T>(
    route: Route,
    schema: z.ZodType<T>,
    ask: () => Promise<AxiosResponse>,
  ): Promise<T | NoStatus> {
    if (this.missing.has(route)) return 'none';
    try {
      const { status, data } = await ask();
      if (status === 404 || status === 405) this.missing.add(route);
      if (status >= 500) return 'silent';
      return status === 200 ? (schema.safeParse(data).data ?? 'none') : 'none';
    } catch (error) {
      return this.withoutAnswer(error);
    }
  }

  private withoutAnswer(error: unknown): 'absent' | 'silent' {
    if (!(error instanceof EngineError) || error.kind !== 'unavailable') return 'silent';
    this.forget();
    return 'absent';
  }
}
