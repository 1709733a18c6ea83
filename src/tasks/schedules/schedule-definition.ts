import { z } from 'zod';
import { QUEUE_NAMES, type QueueName } from '../definitions/queues.js';
import type { PayloadInput, TaskDefinition } from '../definitions/task-definition.js';
import { checkedPayload, checkStorable } from '../definitions/task-payload.js';
import { MISFIRE_POLICIES, type MisfirePolicy } from './misfire.js';
import { InvalidScheduleError } from './schedule-errors.js';
import { checkedTiming, type TimingInput } from './timing.js';

/** Options for the tasks that a schedule sends. */
export interface ScheduleOptions {
  /** What happens to ticks that were missed because no worker was running. Default: `skip`. */
  misfire?: MisfirePolicy;
  /** Default: the queue of the definition. */
  queue?: QueueName;
  /** 0 (first) … 9 (last). Default: the priority of the definition. */
  priority?: number;
  /** Milliseconds after which a run that has not started is REVOKED (`expired`). */
  expiresInMs?: number;
}

/** A schedule that is declared in code. */
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

/** One year. With a time beyond Postgres's range (some 300,000 years) the task could not be sent. Milliseconds. */
const maxExpiresInMs = 366 * 86_400_000;

/** Checks the options of callers that no compiler has checked. */
const optionsSchema = z.object({
  misfire: z.enum(MISFIRE_POLICIES).optional(),
  queue: z.enum(QUEUE_NAMES).optional(),
  priority: z.int().min(0).max(9).optional(),
  expiresInMs: z.number().positive().max(maxExpiresInMs).optional(),
});

const defined = new Map<string, ScheduleDefinition>();

/**
 * Declares a schedule, which sends `task` again and again. Export the constant beside the task. Every
 * worker that loads it helps to run the schedule; each tick is sent once, however many workers there are.
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
 * Checks the name, payload and options of a schedule.
 *
 * @returns the payload as JSON, as it was given: the schema is applied each time it is sent
 * @throws InvalidScheduleError, InvalidPayloadError
 */
export function checkedSchedule(
  task: TaskDefinition,
  { name, payload, ...options }: ScheduleOptions & { name: string; payload: unknown },
): string {
  if (!/^[A-Za-z0-9][\w.:-]{0,99}$/.test(name)) {
    throw new InvalidScheduleError(
      `"${name}" cannot be the name of a schedule. Use letters, digits and _ - . : (at most 100).`,
    );
  }
  const problems = optionsSchema.safeParse(options).error;
  if (problems) {
    throw new InvalidScheduleError(`Schedule "${name}": ${z.prettifyError(problems)}`);
  }
  if (task.needsOwner) {
    throw new InvalidScheduleError(
      `Schedule "${name}": a task "${task.name}" belongs to a user, and a schedule sends tasks without an owner.`,
    );
  }
  checkStorable(task, payload);
  // The schedule is stored as JSON, so the schema must accept what JSON makes of the payload.
  const json = JSON.stringify(payload) as string | undefined;
  checkedPayload(task, json === undefined ? undefined : JSON.parse(json));
  return json ?? 'null';
}
