import { isDictionary } from './celery-settings.js';
import { Call, Unknown, textOf, type PythonValue } from './python-values.js';

/** In the order of cron, with Celery's names. */
const fields = ['minute', 'hour', 'day_of_month', 'month_of_year', 'day_of_week'] as const;
/** Milliseconds of the arguments of Python's `timedelta`. */
const parts: Record<string, number> = {
  weeks: 604_800_000,
  days: 86_400_000,
  hours: 3_600_000,
  minutes: 60_000,
  seconds: 1_000,
  milliseconds: 1,
};
const unreadable = '…';

/** A command line for each entry of a `beat_schedule`, with notes on what a person has to check. */
export function scheduleCommands(value: PythonValue): string[] {
  if (!isDictionary(value)) return [`// ${textOf(value)}`];
  return Object.entries(value).flatMap(([name, entry]) =>
    isDictionary(entry) ? commandOf(name, entry) : [`// ${name}: ${textOf(entry)}`],
  );
}

function commandOf(name: string, entry: { [key: string]: PythonValue }): string[] {
  const { task = unreadable, schedule = null, args, kwargs, options } = entry;
  const when = whenOf(schedule);
  const words = ['darkroom schedules add', quoted(name), quoted(textOf(task)), ...when.words];
  const notes = [...when.notes];
  if (isDictionary(kwargs ?? null) && Object.keys(kwargs as object).length > 0) {
    words.push('--payload', quoted(JSON.stringify(kwargs)));
  }
  if (args !== undefined && !(Array.isArray(args) && args.length === 0)) {
    notes.push(`args ${textOf(args)}: give them names, in --payload`);
  }
  for (const [option, set] of Object.entries(isDictionary(options ?? null) ? options! : {})) {
    if (option === 'expires' && typeof set === 'number') words.push('--expires', `${set}s`);
    else notes.push(`option ${option}: ${textOf(set)}`);
  }
  return [words.join(' '), ...notes.map((note) => `// ${note}`)];
}

interface When {
  words: string[];
  notes: string[];
}

function whenOf(schedule: PythonValue): When {
  if (typeof schedule === 'number') return every(schedule * 1_000);
  if (schedule instanceof Call) {
    if (/(^|\.)crontab$/.test(schedule.callee)) return cronOf(schedule);
    if (/(^|\.)timedelta$/.test(schedule.callee)) return intervalOf(schedule);
  }
  return open(schedule);
}

function open(schedule: PythonValue): When {
  return { words: [`--cron '${unreadable}'`], notes: [`schedule ${textOf(schedule)}`] };
}

function every(ms: number): When {
  if (!(ms > 0)) return open(ms / 1_000);
  return { words: ['--every', ms % 1_000 === 0 ? `${ms / 1_000}s` : `${ms}ms`], notes: [] };
}

function intervalOf(call: Call): When {
  // The first two of Python's positional arguments.
  const [days = 0, seconds = 0] = call.positional;
  const given: [string, PythonValue][] = [
    ['days', days],
    ['seconds', seconds],
    ...Object.entries(call.named),
  ];
  let ms = 0;
  for (const [part, number] of given) {
    if (typeof number !== 'number' || !Object.hasOwn(parts, part)) return open(call);
    ms += number * parts[part]!;
  }
  return call.positional.length > 2 ? open(call) : every(ms);
}

function cronOf(call: Call): When {
  // The order of the others differs between releases of Celery.
  if (call.positional.length > 2) return open(call);
  const [minute, hour] = call.positional;
  const given: Record<string, PythonValue> = {
    ...(minute !== undefined && { minute }),
    ...(hour !== undefined && { hour }),
    ...call.named,
  };
  const cron = fields.map((field) => cronField(given[field] ?? '*'));
  if (cron.some((field) => field === undefined)) return open(call);
  // With Celery both days have to fit; cron takes either, unless told otherwise.
  if (cron[2] !== '*' && cron[4] !== '*') cron[4] = `+${cron[4]}`;
  return { words: ['--cron', `'${cron.join(' ')}'`], notes: [] };
}

/** A number, a text as cron has it, or a list of them. */
function cronField(value: PythonValue): string | undefined {
  if (Array.isArray(value)) {
    const items = value.map(cronField);
    return items.includes(undefined) || items.length === 0 ? undefined : items.join(',');
  }
  if (value instanceof Unknown) return undefined;
  const text = textOf(value).replace(/\s+/g, '');
  // Celery also takes whole names of days and months, and looks at their first three letters only.
  const short = text.replace(/[a-z]{4,}/gi, (name) => name.slice(0, 3));
  return /^[\w*/,-]+$/.test(short) ? short : undefined;
}

/** Quoted as one word of a shell. */
function quoted(text: string): string {
  return /^[\w./@:-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
