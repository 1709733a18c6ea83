import type {
  ActiveTasks,
  EffectiveLimits,
  RegisteredTaskInfo,
  ReservedTasks,
  RevokedTasks,
  ScheduledTasks,
  WorkerConf,
  WorkerStatistics,
} from '../tasks/control/command-data.js';
import type { ConsumedQueue } from '../tasks/workers/queue-workers.js';
import { count, counted, duration, fromNow, list, moment, table, type Cell } from './output.js';

/** What workers answer, for people. The tables are indented below the worker's name. */

const indent = 2;
const tableOf = (head: string[], rows: Cell[][], empty: string, total = rows.length) =>
  [
    table(head, rows, empty, indent),
    ...(total > rows.length ? [`… ${count(total - rows.length)} more`] : []),
  ].join('\n');

export function activeTasks({ tasks, total }: ActiveTasks): string {
  return tableOf(
    ['TASK', 'NAME', 'QUEUE', 'ATTEMPT', 'FOR'],
    tasks.map((task) => [task.id, task.name, task.queue, task.attempt, duration(task.runtimeMs)]),
    'nothing runs',
    total,
  );
}

export function reservedTasks({ tasks, total }: ReservedTasks): string {
  const rows = tasks.map((task) => [task.id, task.queue]);
  return tableOf(['TASK', 'QUEUE'], rows, 'nothing is reserved', total);
}

export function scheduledTasks({ tasks, total }: ScheduledTasks): string {
  return tableOf(
    ['TASK', 'NAME', 'QUEUE', 'STATE', 'DUE'],
    tasks.map((task) => [task.id, task.name, task.queue, task.state, fromNow(task.eta)]),
    'nothing is due later',
    total,
  );
}

export function revokedTasks({ tasks }: RevokedTasks): string {
  return tableOf(
    ['TASK', 'NAME', 'QUEUE', 'ASKED'],
    tasks.map((task) => [task.id, task.name, task.queue, moment(task.requestedAt)]),
    'nothing is being stopped',
  );
}

export function registeredTasks(tasks: RegisteredTaskInfo[]): string {
  return tableOf(
    ['TASK', 'QUEUE', 'PRIORITY', 'RETRIES', 'LIMIT (SOFT/HARD)', 'RATE'],
    tasks.map((task) => [
      task.task,
      task.queue,
      task.priority,
      task.maxRetries,
      timesOf(task),
      rateOf(task),
    ]),
    'no task',
  );
}

export function limits(task: EffectiveLimits): string {
  return `${task.task}: time limits ${timesOf(task)}, rate ${rateOf(task)}`;
}

export function consumedQueues(queues: ConsumedQueue[]): string {
  return tableOf(
    ['QUEUE', 'CONCURRENCY', 'RUNNING', 'PAUSED'],
    queues.map((queue) => [
      queue.queue,
      queue.concurrency,
      queue.running,
      queue.paused ? 'yes' : 'no',
    ]),
    'no queue',
  );
}

export function statistics(stats: WorkerStatistics): string {
  const { tasks } = stats;
  return list([
    ['Host', `${stats.host}, pid ${stats.pid}, darkroom ${stats.version}`],
    ['Up for', duration(stats.uptimeMs)],
    ['Memory', `${megabytes(stats.rssBytes)}, heap ${megabytes(stats.heapUsedBytes)}`],
    ['Processor', duration(stats.cpuUserMs + stats.cpuSystemMs)],
    [
      'Attempts',
      Object.entries(tasks)
        .map(([word, n]) => `${count(n)} ${word}`)
        .join(', '),
    ],
    [
      'Pool',
      `${stats.pool.kind}: ${stats.pool.queues.map(({ queue, running, concurrency }) => `${queue} ${running}/${concurrency}`).join(', ')}`,
    ],
  ]);
}

export function record(values: WorkerConf): string {
  return list(
    Object.entries(values).map(([name, value]) => {
      if (name.endsWith('Bytes') && typeof value === 'number')
        return [name.slice(0, -5), megabytes(value)];
      return [name, value === null ? '-' : String(value)];
    }),
  );
}

function timesOf({ softTimeLimitMs, hardTimeLimitMs }: EffectiveLimits): string {
  return `${duration(softTimeLimitMs)} / ${duration(hardTimeLimitMs)}`;
}

function rateOf({ rateLimit }: EffectiveLimits): string {
  if (rateLimit === null) return 'none';
  return `${counted(rateLimit.limit, 'start')} in ${duration(rateLimit.perMs)}`;
}

function megabytes(bytes: number): string {
  return `${count(Math.round(bytes / 1_048_576))} MB`;
}
