import { InvalidArgumentError, type Command } from 'commander';
import type { EventFilter, LiveEvent } from '../../tasks/events/live-event.js';
import type { QueueName } from '../../tasks/definitions/queues.js';
import { deadline } from '../../common/deadline.js';
import { command, say, streams, type Print } from '../command.js';
import { withDarkroom } from '../connection.js';
import { exitCodes } from '../exit.js';
import { count, duration, paint, printable } from '../output.js';
import { durationValue, idValue, integerValue, queueValue } from '../values.js';

const types: Record<LiveEvent['type'], Parameters<typeof paint>[0]> = {
  'task-sent': 'dim',
  'task-started': 'cyan',
  'task-progress': 'dim',
  'task-succeeded': 'green',
  'task-retried': 'magenta',
  'task-failed': 'red',
  'task-revoked': 'yellow',
  'worker-online': 'green',
  'worker-heartbeat': 'dim',
  'worker-offline': 'yellow',
  'events-dropped': 'red',
};

interface Options {
  types?: LiveEvent['type'][];
  id?: string;
  task?: string;
  queue?: QueueName;
  worker?: string;
  limit?: number;
  for?: number;
}

/** Celery's `events`. */
export function eventsCommand(program: Command): void {
  command(program, 'events', {
    description: 'Print what happens to tasks and workers, as it happens, until Ctrl-C.',
    examples: [
      ['events', 'everything'],
      ['events --types task-failed,task-retried --json', 'trouble, for a program'],
      [
        'events --id 0198c2f0-5b1e-7c3a-9f00-2d1e8a7b6c54 --limit 1 --for 1m',
        'wait for news of a task',
      ],
    ],
    notes: `Types: ${Object.keys(types).slice(0, 5).join(', ')},\n${Object.keys(types).slice(5).join(', ')}.\nExit code 124 when --for is over before --limit is reached.`,
    json: 'print JSON lines',
  })
    .option('--types <names>', 'only these, separated by commas', typesValue)
    .option('--id <id>', 'of one task', idValue)
    .option('--task <name>', 'of tasks with this name', String)
    .option('--queue <name>', 'of tasks of this queue', queueValue)
    .option('--worker <name>', 'of this worker', String)
    .option('--limit <n>', 'end after so many', integerValue(1, 1_000_000))
    .option('--for <duration>', 'end after so long', durationValue)
    .action(streams(events));
}

async function events(print: Print, options: Options): Promise<number> {
  const { id, limit = Infinity, for: forMs, types, task, queue, worker } = options;
  const filter: EventFilter = {
    ...(types && { types }),
    ...(id !== undefined && { taskId: id }),
    ...(task !== undefined && { task }),
    ...(queue !== undefined && { queue }),
    ...(worker !== undefined && { worker }),
  };
  return withDarkroom(async (darkroom) => {
    const { LiveEvents } = await import('../../tasks/events/live-events.js');
    const { signal, clear } = deadline(forMs ?? Infinity);
    if (process.stdout.isTTY) say('Watching. Ctrl-C ends.');
    let seen = 0;
    try {
      for await (const event of darkroom.get(LiveEvents).watch(filter, signal)) {
        await print(event, lineOf(event));
        if (++seen >= limit) return exitCodes.ok;
      }
    } finally {
      clear();
    }
    return limit === Infinity ? exitCodes.ok : exitCodes.timeout;
  });
}

function lineOf(event: LiveEvent): string {
  const time = event.at.slice(11, 23);
  return `${time}  ${paint(types[event.type], event.type.padEnd(16))}  ${printable(about(event))}`;
}

function about(event: LiveEvent): string {
  switch (event.type) {
    case 'worker-online':
    case 'worker-heartbeat':
    case 'worker-offline':
      return `${event.worker}  ${event.active} running, serves ${event.queues.join(', ') || 'nothing'}`;
    case 'events-dropped':
      return `${count(event.count)} events of ${event.worker} were dropped`;
    case 'task-sent':
      return `${event.taskId}  ${event.name}  to ${event.queue}, priority ${event.priority}${event.delayMs > 0 ? `, in ${duration(event.delayMs)}` : ''}`;
    case 'task-started':
    case 'task-progress':
    case 'task-succeeded':
    case 'task-retried':
    case 'task-failed':
    case 'task-revoked':
      return `${event.taskId}  ${event.name}  ${[attemptOf(event), detail(event)].filter(Boolean).join(', ')}`;
  }
}

type AttemptEvent = Extract<LiveEvent, { attempt: number }>;

function attemptOf({ attempt, worker }: AttemptEvent): string {
  return attempt === 0 ? '' : `attempt ${attempt} on ${worker}`;
}

function detail(event: AttemptEvent): string {
  if (event.type === 'task-started') return '';
  if (event.type === 'task-progress') return `${Math.round(event.progress.percent)} %`;
  const took = event.runtimeMs === null ? [] : [`took ${duration(event.runtimeMs)}`];
  switch (event.type) {
    case 'task-succeeded':
      return took.join('');
    case 'task-retried':
      return [event.code, ...took, `again in ${duration(event.inMs)}`].join(', ');
    case 'task-failed':
    case 'task-revoked':
      return [event.code, ...took].join(', ');
  }
}

function typesValue(text: string): LiveEvent['type'][] {
  const names = text.split(',').map((name) => name.trim());
  const unknown = names.find((name) => !Object.hasOwn(types, name));
  if (unknown === undefined) return names as LiveEvent['type'][];
  throw new InvalidArgumentError(`"${unknown}" is none. Types: ${Object.keys(types).join(', ')}.`);
}
