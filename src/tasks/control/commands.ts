import { z } from 'zod';
import { QUEUE_NAMES } from '../definitions/queues.js';
import type { ConsumedQueue } from '../workers/queue-workers.js';
import type * as data from './command-data.js';

const nothing = z.strictObject({});
const queue = z.enum(QUEUE_NAMES);
/** At most a thousand places at a time: more than any machine can use. */
const slots = z.strictObject({ by: z.int().min(1).max(1_000), queue: queue.optional() });
const task = z.strictObject({ task: z.string().min(1).max(200) });

/** Every command and its arguments. A worker of an older release refuses commands that it does not know. */
export const commands = {
  ping: nothing,
  active: nothing,
  reserved: nothing,
  scheduled: nothing,
  registered: nothing,
  stats: nothing,
  revoked: nothing,
  active_queues: nothing,
  conf: nothing,
  report: nothing,
  pool_grow: slots,
  pool_shrink: slots,
  add_consumer: z.strictObject({ queue }),
  cancel_consumer: z.strictObject({ queue }),
  /** The limits of a task have changed in the table `task_limits`. */
  limits_changed: task,
  shutdown: nothing,
};

export type CommandName = keyof typeof commands;
export type CommandArgs<C extends CommandName> = z.output<(typeof commands)[C]>;

export interface CommandData {
  ping: data.Pong;
  active: data.ActiveTasks;
  reserved: data.ReservedTasks;
  scheduled: data.ScheduledTasks;
  registered: data.RegisteredTaskInfo[];
  stats: data.WorkerStatistics;
  revoked: data.RevokedTasks;
  active_queues: ConsumedQueue[];
  conf: data.WorkerConf;
  report: data.WorkerReport;
  pool_grow: ConsumedQueue[];
  pool_shrink: ConsumedQueue[];
  add_consumer: ConsumedQueue[];
  cancel_consumer: ConsumedQueue[];
  limits_changed: data.EffectiveLimits;
  shutdown: data.Stopping;
}

/** The functions that carry out the commands `C`. */
export type CommandHandlers<C extends CommandName> = {
  [K in C]: (args: CommandArgs<K>) => CommandData[K] | Promise<CommandData[K]>;
};

/** The worker refuses the command; the message is its answer. */
export class CommandRefused extends Error {
  override readonly name = 'CommandRefused';
}
