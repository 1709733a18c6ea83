import { z } from 'zod';
import { defineTask } from '../../tasks/definitions/task-definition.js';

/** Runs the pipeline of an event. The id of the task is that of the run. */
export const processIncomingEventTask = defineTask({
  name: 'process_incoming_event',
  queue: 'normal_priority',
  chore: true,
  args: ['event_id'],
  payload: z.strictObject({ event_id: z.uuid() }),
  result: z.strictObject({
    event_id: z.uuid(),
    pipeline: z.string(),
    done: z.array(z.string()),
    skipped: z.array(z.string()),
    failed: z.array(z.string()),
  }),
  // Nodes have retries of their own. These are for what goes wrong between them.
  retry: { max: 5, delayMs: 5_000, backoff: 'exponential', maxDelayMs: 300_000, jitter: 0.2 },
});
