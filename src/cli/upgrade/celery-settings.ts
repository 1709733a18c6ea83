import { FromEnvironment, PythonReader, Unknown, type PythonValue } from './python-values.js';
import { pythonTokens } from './python-tokens.js';

/** One setting of a Celery installation, under its present name. */
export interface CelerySetting {
  /** Celery's lower-case name; of an environment variable, as it was written. */
  name: string;
  value: PythonValue;
}

/** Names from before Celery 4, where lower case and no prefix is not enough. */
const oldNames: Record<string, string> = {
  celeryd_concurrency: 'worker_concurrency',
  celeryd_prefetch_multiplier: 'worker_prefetch_multiplier',
  celeryd_max_tasks_per_child: 'worker_max_tasks_per_child',
  celeryd_task_time_limit: 'task_time_limit',
  celeryd_task_soft_time_limit: 'task_soft_time_limit',
  celeryd_pool: 'worker_pool',
  celerybeat_schedule: 'beat_schedule',
  celery_acks_late: 'task_acks_late',
  celery_track_started: 'task_track_started',
  celery_routes: 'task_routes',
  celery_queues: 'task_queues',
  celery_default_queue: 'task_default_queue',
  celery_ignore_result: 'task_ignore_result',
  celery_always_eager: 'task_always_eager',
  celery_annotations: 'task_annotations',
  celery_task_result_expires: 'result_expires',
  broker: 'broker_url',
  backend: 'result_backend',
};
/** Everything else in the file is code. */
const settingName =
  /^((broker|task|worker|result|beat|event|control|security|database)_\w+|accept_content|timezone|enable_utc|imports|include|once)$/;

/** Reads a Python settings file or an env file; nothing in it is run. */
export function celerySettings(source: string): CelerySetting[] {
  return isEnvFile(source) ? envSettings(source) : pythonSettings(source);
}

function isEnvFile(source: string): boolean {
  const lines = source.split('\n').map((line) => line.trim());
  const said = lines.filter((line) => line !== '' && !line.startsWith('#'));
  return said.length > 0 && said.every((line) => /^(export )?-? ?[A-Z][A-Z0-9_]*=/.test(line));
}

function envSettings(source: string): CelerySetting[] {
  const settings: CelerySetting[] = [];
  for (const line of source.split('\n')) {
    const [, name, text] = /^\s*(?:export )?(?:- )?([A-Z][A-Z0-9_]*)=(.*)$/.exec(line) ?? [];
    if (name === undefined) continue;
    const value = text!.trim().replace(/^(["'])(.*)\1$/, '$2');
    settings.push({ name, value: /^\d+(\.\d+)?$/.test(value) ? Number(value) : value });
  }
  return settings;
}

function pythonSettings(source: string): CelerySetting[] {
  const reader = new PythonReader(pythonTokens(source));
  const found = new Map<string, PythonValue>();
  const constants = new Map<string, PythonValue>();
  const add = (name: string, value: PythonValue) => {
    const known = modernName(name);
    if (settingName.test(known)) found.set(known, literalOf(value, constants));
    else constants.set(name, literalOf(value, constants));
  };
  while (reader.now) {
    const { kind, text } = reader.tokens[reader.at++]!;
    if (kind !== 'name') continue;
    if ((text === 'update' || text === 'Celery') && reader.take('(')) argumentsOf(reader, add);
    else if (reader.is('=') && !reader.is('=', 1) && !isCelery(reader)) {
      reader.at++;
      add(text, reader.value());
    }
  }
  return [...found].map(([name, value]) => ({ name, value }));
}

/** `app = Celery('tasks', broker=…)` */
function isCelery({ tokens, at }: PythonReader): boolean {
  return tokens
    .slice(at + 1, at + 5)
    .some(({ kind, text }) => kind === 'name' && text === 'Celery');
}

/** `name=value` and `{'name': value}` up to the closing bracket. */
function argumentsOf(reader: PythonReader, add: (name: string, value: PythonValue) => void): void {
  while (reader.now && !reader.take(')')) {
    const { kind, text } = reader.now;
    if (kind === 'name' && reader.is('=', 1)) {
      reader.at += 2;
      add(text, reader.value());
    } else {
      const value = reader.value();
      if (isDictionary(value)) for (const [name, item] of Object.entries(value)) add(name, item);
    }
    if (!reader.take(',') && !reader.is(')')) reader.at++;
  }
}

/** The deployment decides the value; the default in the file is the best that can be read. */
function literalOf(value: PythonValue, constants: Map<string, PythonValue>): PythonValue {
  if (value instanceof FromEnvironment && value.fallback !== null) return value.fallback;
  return value instanceof Unknown ? (constants.get(value.text) ?? value) : value;
}

export function isDictionary(value: PythonValue): value is { [key: string]: PythonValue } {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Unknown)
  );
}

/** `CELERY_TASK_TIME_LIMIT`, `CELERYD_CONCURRENCY`, `task_time_limit`: one name for each. */
export function modernName(name: string): string {
  const lower = name.toLowerCase();
  return (
    oldNames[lower] ?? oldNames[lower.replace(/^celery_/, '')] ?? lower.replace(/^celery_/, '')
  );
}
