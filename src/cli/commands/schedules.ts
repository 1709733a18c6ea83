import { Option, type Command } from 'commander';
import type { MisfirePolicy } from '../../tasks/schedules/misfire.js';
import type { Schedule } from '../../tasks/schedules/schedule.js';
import type { Schedules } from '../../tasks/schedules/schedules.js';
import type { QueueName } from '../../tasks/definitions/queues.js';
import { answers, command, group, type About, type Answer } from '../command.js';
import { withDarkroom } from '../connection.js';
import { allDefinitions } from '../definitions.js';
import { usageError } from '../exit.js';
import { duration, fromNow, list, moment, table } from '../output.js';
import { durationValue, integerValue, jsonValue, queueValue } from '../values.js';

interface AddOptions {
  cron?: string;
  every?: number;
  timeZone?: string;
  payload?: unknown;
  queue?: QueueName;
  priority?: number;
  expires?: number;
  misfire?: MisfirePolicy;
}

/** Celery's `beat`: the workers send what is due, so there is nothing to start. */
export function schedulesCommands(program: Command): void {
  const schedules = group(program, 'schedules', 'Look after what is sent again and again.');
  command(schedules, 'list', {
    description: 'List the schedules, declared in code and made at run time.',
    examples: [['schedules list', 'all of them, with the next tick']],
  }).action(answers(() => withSchedules(async (all) => listed(await all.list()))));
  addCommand(schedules);
  verb(schedules, 'pause', 'Send nothing until resume.', (all, name) => all.pause(name));
  verb(
    schedules,
    'resume',
    'Go on with the next tick; those of the pause are left out.',
    (all, name) => all.resume(name),
  );
  ofOne(schedules, 'run', 'Send its task now, paused or not; the ticks stay as they are.').action(
    answers(run),
  );
  ofOne(schedules, 'remove', 'Delete one that was made at run time, and its history.').action(
    answers((name: string) =>
      withSchedules(async (all) => {
        await all.remove(name);
        return { json: { removed: name }, text: `Removed ${name}.` };
      }),
    ),
  );
  ofOne(schedules, 'history', 'List what it has sent, newest first.')
    .option('-n, --number <n>', 'how many', integerValue(1, 1000), 20)
    .action(answers(history));
}

function ofOne(schedules: Command, name: string, description: string, more: Partial<About> = {}) {
  return command(schedules, name, {
    description,
    examples: [[`schedules ${name} nightly-report`, 'by its name, as in schedules list']],
    notes: 'Exit code 1 when there is no schedule of that name.',
    ...more,
  }).argument('<name>', 'name of the schedule');
}

function verb(
  schedules: Command,
  name: string,
  description: string,
  act: (all: Schedules, name: string) => Promise<Schedule>,
): void {
  ofOne(schedules, name, description).action(
    answers((which: string) => withSchedules(async (all) => shown(await act(all, which)))),
  );
}

function addCommand(schedules: Command): void {
  ofOne(schedules, 'add', 'Make a schedule: a task, and when it is sent.', {
    examples: [
      [
        `schedules add nightly-report make_report --cron '30 3 * * *' --time-zone Europe/Berlin`,
        'every night',
      ],
      [`schedules add probe check_engine --every 5m --payload '{"deep":true}'`, 'from now on'],
    ],
    notes:
      'Exactly one run a tick, however many workers there are. --misfire says what becomes of ticks at\nwhich no worker was alive: skip them, one run for all of them, or all.',
  })
    .argument('<task>', 'name of the task')
    .option('--cron <fields>', "five fields, or six with seconds first: '0 4 * * mon'")
    .option('--time-zone <name>', 'of the cron fields (default: TZ_SCHEDULE)')
    .option('--every <duration>', 'instead of --cron: 30s, 5m, 1d', durationValue)
    .option('--payload <json>', 'payload of the task (default: null)', jsonValue)
    .option('--queue <name>', "another queue than the task's own", queueValue)
    .option('--priority <0-9>', '0 is first, 9 last', integerValue(0, 9))
    .option('--expires <duration>', 'give up a run that has not started by then', durationValue)
    .addOption(new Option('--misfire <policy>', 'default: skip').choices(['skip', 'one', 'all']))
    .action(answers(add));
}

async function add(name: string, task: string, options: AddOptions): Promise<Answer> {
  const { cron, every, timeZone, payload = null, queue, priority, expires, misfire } = options;
  if ((cron === undefined) === (every === undefined)) throw usageError('Say --cron or --every.');
  const timing =
    cron === undefined
      ? { everyMs: every! }
      : { cron, ...(timeZone !== undefined && { timeZone }) };
  if (cron === undefined && timeZone !== undefined) {
    throw usageError('--every needs no --time-zone.');
  }
  await allDefinitions();
  return withSchedules(async (all) =>
    shown(
      await all.add({
        name,
        task,
        payload,
        ...timing,
        ...(queue && { queue }),
        ...(priority !== undefined && { priority }),
        ...(expires !== undefined && { expiresInMs: expires }),
        ...(misfire && { misfire }),
      }),
    ),
  );
}

async function run(name: string): Promise<Answer> {
  await allDefinitions();
  return withSchedules(async (all) => {
    const id = await all.runNow(name);
    return { json: { task_id: id }, text: id };
  });
}

async function history(name: string, { number }: { number: number }): Promise<Answer> {
  return withSchedules(async (all) => {
    const runs = await all.history(name, number);
    return {
      json: runs.map((run) => ({
        due_at: run.dueAt,
        sent_at: run.sentAt,
        manual: run.manual,
        task_id: run.taskId,
        state: run.state,
        error: run.error,
      })),
      text: table(
        ['DUE', 'SENT', 'TASK', 'STATE'],
        runs.map((run) => [
          run.manual ? 'by hand' : moment(run.dueAt),
          moment(run.sentAt),
          run.taskId ?? run.error,
          run.state ?? (run.taskId === null ? 'not sent' : 'deleted'),
        ]),
        `${name} has sent nothing yet.`,
      ),
    };
  });
}

async function withSchedules<T>(work: (schedules: Schedules) => Promise<T>): Promise<T> {
  return withDarkroom(async (darkroom) => {
    const { Schedules } = await import('../../tasks/schedules/schedules.js');
    return work(darkroom.get(Schedules));
  });
}

function listed(all: Schedule[]): Answer {
  return {
    json: all.map(jsonOf),
    text: table(
      ['NAME', 'TASK', 'WHEN', 'NEXT', 'LAST SENT'],
      all.map((one) => [
        one.name,
        one.task,
        whenOf(one),
        fromNow(one.nextAt) ?? stateOf(one),
        fromNow(one.lastSentAt) ?? '-',
      ]),
      'There is no schedule.',
    ),
  };
}

function shown(one: Schedule): Answer {
  return {
    json: jsonOf(one),
    text: list([
      ['Schedule', `${one.name}, ${one.declared ? 'declared in code' : 'made at run time'}`],
      ['Task', one.task],
      ['When', whenOf(one)],
      ['Next', one.nextAt ? `${moment(one.nextAt)} UTC` : stateOf(one)],
      ['Missed ticks', one.misfire],
      ['Payload', JSON.stringify(one.payload)],
      ['Queue', one.queue],
      ['Priority', one.priority],
    ]),
  };
}

function whenOf({ cron, timeZone, everyMs }: Schedule): string {
  return cron === null ? `every ${duration(everyMs!)}` : `${cron} (${timeZone})`;
}

function stateOf({ retiredAt }: Schedule): string {
  return retiredAt === null ? 'paused' : 'retired: no worker declares it';
}

function jsonOf(one: Schedule) {
  return {
    name: one.name,
    declared: one.declared,
    task: one.task,
    payload: one.payload,
    queue: one.queue,
    priority: one.priority,
    expires_in_ms: one.expiresInMs,
    cron: one.cron,
    time_zone: one.timeZone,
    every_ms: one.everyMs,
    misfire: one.misfire,
    paused: one.paused,
    next_at: one.nextAt,
    last_sent_at: one.lastSentAt,
    created_at: one.createdAt,
    retired_at: one.retiredAt,
  };
}
