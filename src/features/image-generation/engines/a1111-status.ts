import type { AxiosResponse } from 'axios';
import { z } from 'zod';
import type { A1111Http } from './a1111-http.js';
import { EngineError } from './engine-error.js';

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

/** `none`: this server does not say, or is not there. `silent`: it did not answer this time. */
export type NoStatus = 'none' | 'silent';

export function isStatus<T extends object>(status: T | NoStatus): status is T {
  return typeof status === 'object';
}

/** What a server says of its jobs, and the one order it takes. Rejects never. */
export class A1111Status {
  constructor(
    private readonly http: A1111Http,
    private readonly askMs: number,
  ) {}

  /** Of one job by its id; `none` under `--nowebui` and on servers without ids. */
  async task(jobId: string, signal?: AbortSignal): Promise<TaskStatus | NoStatus> {
    const body = { id_task: jobId, live_preview: false };
    return read(taskStatus, this.http.post('/internal/progress', body, this.askMs, { signal }));
  }

  /** Of whatever the server draws, whoever asked for it. */
  async global(signal?: AbortSignal): Promise<GlobalStatus | NoStatus> {
    const path = '/sdapi/v1/progress?skip_current_image=true';
    return read(globalStatus, this.http.get(path, this.askMs, { signal }));
  }

  /** Stops whatever the server draws. @returns whether the server took the order */
  async interrupt(): Promise<boolean> {
    const answer = await this.http
      .post('/sdapi/v1/interrupt', {}, this.askMs)
      .catch(() => undefined);
    return answer !== undefined && answer.status < 300;
  }
}

async function read<T>(schema: z.ZodType<T>, asked: Promise<AxiosResponse>): Promise<T | NoStatus> {
  try {
    const { status, data } = await asked;
    if (status >= 500) return 'silent';
    return status === 200 ? (schema.safeParse(data).data ?? 'none') : 'none';
  } catch (error) {
    return error instanceof EngineError && error.kind === 'unavailable' ? 'none' : 'silent';
  }
}
