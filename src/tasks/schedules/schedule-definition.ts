import { z } from 'zod';
import { QUEUE_NAMES, type QueueName } from '../queues.js';
import { checkedPayload } from '../task-payload.js';
import type { PayloadInput, TaskDefinition } from '../task-definition.js';
import { MISFIRE_POLICIES, type MisfirePolicy } from './misfire.js';
import { InvalidScheduleError } from './schedule-errors.js';
import { checkedTiming, type TimingInput } from './timing.js';

/** How the tasks of a schedule are sent. */
export interface ScheduleOptions {
  /** What becomes of ticks at which no worker was there. Default: `skip`. */
  misfire?: MisfirePolicy;
  /** Default: the queue of the definition. */
  queue?: QueueName;
  /** 0 (first) … 9 (last). Default: the priority of the definition. */
  priority?: number;
  /** Milliseconds after which a run that has not started is REVOKED (`expired`). */
  expiresInMs?: number;
}

/** A schedule in code. */
export type ScheduleDeclaration<D extends TaskDefinition = TaskDefinition> = TimingInput &
  ScheduleOptions & {
    /** Literal and unique: the key of its row. Letters, digits and `_ - . :`, at most 100. */
    name: string;
    payload: PayloadInput<D>;
  };

export interface ScheduleDefinition {
  task: TaskDefinition;
  declaration: ScheduleDeclaration;
}

/** A year. Postgres knows no moment some 300,000 years from now, and could not send the task. */
const maxExpiresInMs = 366 * 86_400_000;

/** For callers that are not checked by a compiler. */
const optionsSchema = z.object({
  misfire: z.enum(MISFIRE_POLICIES).optional(),
  queue: z.enum(QUEUE_NAMES).optional(),
  priority: z.int().min(0).max(9).optional(),
  expiresInMs: z.number().positive().max(maxExpiresInMs).optional(),
});

const defined = new Map<string, ScheduleDefinition>();

/**
 * Sends `task` again and again. Export the constant beside the task; every worker that loads it
 * keeps it running, and no matter how many do, each tick is sent once.
 *
 * @throws InvalidScheduleError, InvalidPayloadError: at import, so at start
 */
export function defineSchedule<D extends TaskDefinition>(
  task: D,
  declaration: ScheduleDeclaration<D>,
): ScheduleDefinition {
  checkedSchedule(task, declaration);
  checkedTiming(declaration, 'UTC');
  if (defined.has(declaration.name)) {
    throw new InvalidScheduleError(
      `Two schedules are named "${declaration.name}". Rename one of them.`,
    );
  }
  const definition = { task, declaration };
  defined.set(declaration.name, definition);
  return definition;
}

/** Every schedule declared by the modules that this process has loaded. */
export function definedSchedules(): ScheduleDefinition[] {
  return [...defined.values()];
}

/**
 * Name, payload and options of a schedule, checked.
 *
 * @returns the payload as JSON, before the schema: it goes through that each time it is sent
 * @throws InvalidScheduleError, InvalidPayloadError
 */
export function checkedSchedule(
  task: TaskDefinition,
  { name, payload, ...options }: ScheduleOptions & { name: string; payload: unknown },
): string {
  if (!/^[A-Za-z0-9][\w.:-]{0,99}$/.test(name)) {
    throw new InvalidScheduleError(
      `"${name}" is no name for a schedule. Take letters, digits and _ - . : (at most 100).`,
    );
  }
  const problems = optionsSchema.safeParse(options).error;
  if (problems) {
    throw new InvalidScheduleError(`Schedule "${name}": ${z.prettifyError(problems)}`);
  }
  // What is stored is JSON, and that is what the schema will see.
  const json = JSON.stringify(payload) as string | undefined;
  checkedPayload(task, json === undefined ? undefined : JSON.parse(json));
  return json ?? 'null';
}
