import { createReadStream } from 'node:fs';
import type { Command } from 'commander';
import { answers, command, group, say, streams, type Answer, type Print } from '../command.js';
import { logEntries, type LogEntry } from '../logs/log-lines.js';
import { LogStats, type Tally } from '../logs/log-stats.js';
import { taskLineOf } from '../logs/log-tasks.js';
import { Traces } from '../logs/log-traces.js';
import { count, counted, list, moment, paint, printable, table } from '../output.js';
import { idValue } from '../values.js';

const notes =
  'Reads what the programs of Darkroom log, with LOG_FORMAT=json or pretty, from a file, or from a pipe\nwithout one; other lines are counted and skipped.';

/** Celery's `logtool`. */
export function logsCommands(program: Command): void {
  const logs = group(program, 'logs', 'Read the logs of the services.');
  command(logs, 'stats [file]', {
    description: 'Count lines, levels, sources and failures.',
    examples: [
      ['logs stats worker.log', 'one file'],
      ['logs stats < worker.log', 'from a pipe'],
    ],
    notes,
  }).action(answers(stats));
  command(logs, 'errors [file]', {
    description: 'Print the lines that report an error.',
    examples: [
      ['logs errors worker.log', 'errors'],
      ['logs errors --warnings worker.log', 'warnings too'],
    ],
    notes,
    json: 'print JSON lines',
  })
    .option('--warnings', 'warnings too')
    .action(streams(errors));
  command(logs, 'traces [file]', {
    description: 'Print each stack trace once, with its count; the most frequent first.',
    examples: [['logs traces worker.log', 'every stack']],
    notes,
  }).action(answers(traces));
  command(logs, 'tasks [file]', {
    description: 'Print the lines about tasks.',
    examples: [
      ['logs tasks worker.log', 'about all of them'],
      ['logs tasks --id 0198c2f0-5b1e-7c3a-9f00-2d1e8a7b6c54 worker.log', 'about one'],
    ],
    notes,
    json: 'print JSON lines',
  })
    .option('--id <id>', 'only this task', idValue)
    .action(streams(tasks));
}

function entriesOf(file: string | undefined): AsyncGenerator<LogEntry | undefined> {
  const source = file === undefined || file === '-' ? process.stdin : createReadStream(file);
  return logEntries(source);
}

/** @returns number of lines that are no log */
async function forEach(
  file: string | undefined,
  visit: (entry: LogEntry) => Promise<void> | void,
): Promise<number> {
  let bad = 0;
  let good = 0;
  for await (const entry of entriesOf(file)) {
    if (entry === undefined) bad++;
    else {
      good++;
      await visit(entry);
    }
  }
  if (bad > 0) {
    const hint = good === 0 ? ' Is it the output of a program of Darkroom?' : '';
    say(`${counted(bad, 'line')} skipped: no log.${hint}`);
  }
  return bad;
}

async function stats(file: string | undefined): Promise<Answer> {
  const found = new LogStats();
  for await (const entry of entriesOf(file)) found.add(entry);
  const { entries, badLines, levels, contexts, failures, failedTasks, processes } = found;
  const { succeededTasks } = found;
  const json = {
    entries,
    bad_lines: badLines,
    from: found.from === undefined ? null : new Date(found.from).toISOString(),
    to: found.to === undefined ? null : new Date(found.to).toISOString(),
    processes: processes.sorted().length,
    levels: levels.toJSON(),
    contexts: contexts.toJSON(),
    succeeded_tasks: succeededTasks.toJSON(),
    failures: failures.toJSON(),
    failed_tasks: failedTasks.toJSON(),
  };
  const head = list([
    ['Entries', entries],
    ['Other lines', badLines],
    ['From', moment(found.from)],
    ['To', moment(found.to)],
    ['Processes', json.processes],
  ]);
  const parts = [
    section('LEVEL', levels),
    section('SOURCE', contexts),
    section('SUCCEEDED TASK', succeededTasks),
    section('FAILED WITH', failures),
    section('FAILED TASK', failedTasks),
  ];
  return { json, text: [head, ...parts.filter((part) => part !== '')].join('\n\n') };
}

function section(title: string, tally: Tally): string {
  const rows = tally.sorted().slice(0, 20);
  return rows.length === 0 ? '' : table([title, 'LINES'], rows);
}

async function errors(
  print: Print,
  file: string | undefined,
  { warnings }: { warnings?: boolean },
): Promise<number> {
  const wanted = new Set(['error', 'fatal', ...(warnings ? ['warn'] : [])]);
  await forEach(file, async (entry) => {
    if (!wanted.has(entry.level)) return;
    await print({ ...entry, timestamp: new Date(entry.timestamp).toISOString() }, textOf(entry));
  });
  return 0;
}

function textOf({ level, timestamp, context, message }: LogEntry): string {
  const word = paint(level === 'warn' ? 'yellow' : 'red', level.toUpperCase().padEnd(5));
  return `${moment(timestamp)} ${word} ${printable(`[${context ?? '-'}] ${message}`)}`;
}

async function traces(file: string | undefined): Promise<Answer> {
  const found = new Traces();
  const bad = await forEach(file, (entry) => found.add(entry));
  const all = found.list().map(({ first, last, ...trace }) => ({
    ...trace,
    first: new Date(first).toISOString(),
    last: new Date(last).toISOString(),
  }));
  const texts = all.map(
    ({ count: times, first, last, context, stack }) =>
      `${paint('bold', `${count(times)}×`)} ${context ?? '-'}, ${moment(first)}${times > 1 ? ` to ${moment(last)}` : ''}\n${printable(stack, true)}`,
  );
  return {
    json: { traces: all, dropped: found.dropped, bad_lines: bad },
    text: texts.length > 0 ? texts.join('\n\n') : 'No stack was logged.',
  };
}

async function tasks(
  print: Print,
  file: string | undefined,
  { id }: { id?: string },
): Promise<number> {
  await forEach(file, async (entry) => {
    const line = taskLineOf(entry);
    if (!line || (id !== undefined && line.task_id !== id)) return;
    const { timestamp, task_id, name, attempt, code, message } = line;
    const about = [name, attempt === null ? null : `attempt ${attempt}`, code].filter(Boolean);
    const text = `${moment(timestamp)} ${line.level.toUpperCase().padEnd(5)} ${task_id} ${about.join(', ')}${about.length > 0 ? ': ' : ''}${message}`;
    await print({ ...line, timestamp: new Date(timestamp).toISOString() }, printable(text));
  });
  return 0;
}
