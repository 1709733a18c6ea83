import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import type { Job } from 'bullmq';
import type { HintQueue, QueueHint } from '../../infrastructure/queue/queue-engine.js';
import { taskPriority } from '../../tasks/definitions/queues.js';

/** State of a task in the ledger, the `tasks` table. */
export interface Standing {
  state: string;
  attempt: number;
}

/** @returns standings by task id; a task that no longer exists is left out */
export type AskStandings = (taskIds: string[]) => Promise<Map<string, Standing>>;

/** Keyed by queue: Bull Board creates the adapters and passes them only the queue. */
const ledgers = new WeakMap<HintQueue, AskStandings>();

/**
 * Shows the task behind each hint (a queued message that names a task): its state in the ledger, and its
 * priority as senders write it, 0 (first) to 9; in BullMQ ours start at 1.
 */
export class HintAdapter extends BullMQAdapter {
  constructor(private readonly hints: HintQueue) {
    super(hints, {
      readOnlyMode: true,
      allowRetries: false,
      externalJobUrl: ({ data }) => ({
        displayText: 'Task',
        href: `/api/v1/task_status/${(data as { task_id: string }).task_id}`,
      }),
    });
  }

  /** Sets the function that the adapter of a queue calls for the standings of its tasks. */
  static connect(queue: HintQueue, ask: AskStandings): void {
    ledgers.set(queue, ask);
  }

  override async getJob(id: string): Promise<Job | undefined> {
    const job = await super.getJob(id);
    return job && (await this.shown([job]))[0];
  }

  override async getJobs(...which: Parameters<BullMQAdapter['getJobs']>): Promise<Job[]> {
    return this.shown(await super.getJobs(...which));
  }

  private async shown(jobs: Job<QueueHint>[]): Promise<Job[]> {
    const standings = await ledgers.get(this.hints)!(jobs.map(({ data }) => data.taskId));
    for (const job of jobs) {
      const { taskId } = job.data;
      const standing = standings.get(taskId) ?? { state: 'forgotten' };
      const json = job.toJSON.bind(job);
      job.toJSON = () => {
        const { priority, opts, ...rest } = json();
        return {
          ...rest,
          data: { task_id: taskId, ...standing },
          // Bull Board hides the number 0, but shows the text "0".
          priority: String(taskPriority(priority)),
          opts: { ...opts, priority: taskPriority(opts.priority) },
        } as never;
      };
    }
    return jobs;
  }
}
