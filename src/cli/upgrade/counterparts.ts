import type { QueueName } from '../../tasks/definitions/queues.js';
import { scheduleCommands } from './beat-schedule.js';
import { isDictionary } from './celery-settings.js';
import { textOf, type PythonValue } from './python-values.js';

/** What a setting becomes here. */
export type Counterpart =
  /** A line of our .env. */
  | { kind: 'env'; name: string; value: string; note?: string }
  /** Options of `defineTask` or `@Schedule`, as code. */
  | { kind: 'definition'; code: string[]; note?: string }
  /** It is always the case here, or has no meaning here. */
  | { kind: 'none'; why: string };

type Rule = (value: PythonValue) => Counterpart;

const env =
  (name: string, note?: string, change: (value: PythonValue) => string = textOf): Rule =>
  (value) => ({ kind: 'env', name, value: change(value), ...(note !== undefined && { note }) });
const none =
  (why: string): Rule =>
  () => ({ kind: 'none', why });
/** An option of each definition; seconds there, milliseconds here. */
const option =
  (codeOf: (value: PythonValue) => string, usual: number): Rule =>
  (value) =>
    value === usual
      ? { kind: 'none', why: 'the default here too' }
      : { kind: 'definition', code: [codeOf(value)] };

const always = (what: string) => none(`always the case: ${what}`);
const jsonOnly: Rule = (value) => {
  const text = textOf(value);
  return {
    kind: 'none',
    why: /pickle|yaml|msgpack/.test(text)
      ? `tasks and results are JSON here: ${text} payloads have to change`
      : 'always the case: tasks and results are JSON',
  };
};
const reconnects = always('processes wait for their stores, and nothing is lost meanwhile');

/** By Celery's present name of the setting. */
const rules: Record<string, Rule> = {
  broker_url: (value) => {
    const url = textOf(value);
    return /^rediss?:/.test(url)
      ? { kind: 'env', name: 'QUEUE_URL', value: url }
      : {
          kind: 'none',
          why: 'the queue is in Postgres or Redis here: leave QUEUE_URL out, or name a Redis',
        };
  },
  result_backend: (value) => {
    const url = textOf(value).replace(/^db\+/, '');
    return url.startsWith('postgres')
      ? { kind: 'env', name: 'DATABASE_URL', value: url }
      : { kind: 'none', why: 'results are in the database, with the tasks (DATABASE_URL)' };
  },
  worker_concurrency: env('WORKER_CONCURRENCY', 'tasks at once on each queue'),
  worker_max_tasks_per_child: env('WORKER_MAX_TASKS_PER_CHILD', 'with WORKER_POOL=processes'),
  worker_max_memory_per_child: env(
    'WORKER_MAX_MEMORY_PER_CHILD_MB',
    'megabytes here, kilobytes there',
    (value) =>
      typeof value === 'number' ? String(Math.max(1, Math.round(value / 1024))) : textOf(value),
  ),
  worker_pool: env('WORKER_POOL', undefined, (value) =>
    textOf(value) === 'prefork' ? 'processes' : 'inline',
  ),
  timezone: env('TZ_SCHEDULE', 'of cron schedules; stored times are UTC'),
  task_time_limit: option((value) => `hardTimeLimitMs: ${milliseconds(value)},`, 600),
  task_soft_time_limit: option((value) => `softTimeLimitMs: ${milliseconds(value)},`, 540),
  result_expires: option((value) => `resultExpiresMs: ${milliseconds(value)},`, 3600),
  task_max_retries: option((value) => `retry: { max: ${textOf(value)} },`, 3),
  task_default_retry_delay: option((value) => `retry: { delayMs: ${milliseconds(value)} },`, 60),
  task_default_priority: (value) => ({
    kind: 'definition',
    code: [`priority: ${textOf(value)},`],
    note: '0 is first, 9 last, as with Redis there',
  }),
  task_default_rate_limit: (value) => ({ kind: 'definition', code: [rateLimit(textOf(value))] }),
  task_default_queue: (value) => ({
    kind: 'definition',
    code: [`queue: '${queueOf(textOf(value))}',`],
    note: 'each definition names its queue',
  }),
  task_routes: (value) => ({ kind: 'definition', code: routes(value), note: 'in each definition' }),
  task_annotations: none('limits belong to each definition: see the options of defineTask'),
  task_queues: none('the queues are high_priority, normal_priority and low_priority'),
  beat_schedule: (value) => ({
    kind: 'definition',
    code: scheduleCommands(value),
    note: 'or declared beside the definition; no beat process is needed',
  }),
  once: none('per definition: once: { key, ttlMs }'),
  task_acks_late: (value) => ({
    kind: 'none',
    why:
      value === false
        ? 'tasks are always acknowledged late: one whose worker dies runs again, so it must bear that'
        : 'always the case: a task is over only when its end is in the database',
  }),
  task_reject_on_worker_lost: always('a task whose worker dies runs again, three times at most'),
  worker_prefetch_multiplier: always('a worker takes a task when it has a free slot, never more'),
  task_track_started: always('STARTED is a state of every task'),
  task_serializer: jsonOnly,
  result_serializer: jsonOnly,
  accept_content: jsonOnly,
  event_serializer: jsonOnly,
  enable_utc: always('times are stored in UTC'),
  task_queue_max_priority: always('priorities go from 0 to 9'),
  task_create_missing_queues: none('an unknown queue stops the process at its start'),
  task_ignore_result: none('per definition: resultExpiresMs: 0'),
  task_always_eager: none('tests run real workers: see test/support/task-lab.ts'),
  task_store_eager_result: none('tests run real workers'),
  task_send_sent_event: always('see "darkroom events"'),
  worker_send_task_events: always('see "darkroom events"'),
  task_compression: none('payloads hold ids and have 64 KB at most'),
  broker_connection_retry: reconnects,
  broker_connection_retry_on_startup: reconnects,
  broker_connection_max_retries: reconnects,
  broker_connection_timeout: reconnects,
  broker_heartbeat: reconnects,
  broker_pool_limit: env('DATABASE_POOL_SIZE', 'connections of each process to the database'),
  broker_transport_options: none(
    'visibility_timeout is TASK_LEASE_SECONDS here (15), and is renewed while the task runs',
  ),
  result_backend_transport_options: none('results are in the database'),
  result_extended: always('name, payload, worker and times are kept with each task'),
  imports: none('tasks are listed in src/worker-features.ts'),
  include: none('tasks are listed in src/worker-features.ts'),
  worker_hijack_root_logger: none('see LOG_LEVEL and LOG_FORMAT'),
  worker_log_format: none('see LOG_LEVEL and LOG_FORMAT'),
  worker_task_log_format: none('see LOG_LEVEL and LOG_FORMAT'),
  worker_redirect_stdouts: none('see LOG_LEVEL and LOG_FORMAT'),
  worker_disable_rate_limits: none('rate limits are per definition: leave rateLimit out'),
};

/** Variables of the original system that Darkroom reads unchanged or under another name. */
const variables: Record<string, Rule> = {
  DATABASE_URL: env('DATABASE_URL'),
  APP_DATABASE_URL: env('DATABASE_URL', 'APP_DATABASE_URL works too'),
  REDIS_URL: env('QUEUE_URL', 'REDIS_URL works too'),
  APP_SD_API_URL: env('SD_API_URLS', 'APP_SD_API_URL works too'),
};

/** Undefined: nothing is known about this setting. */
export function counterpartOf(
  name: string,
  modern: string,
  value: PythonValue,
): Counterpart | undefined {
  const rule = Object.hasOwn(variables, name) ? variables[name] : undefined;
  if (rule) return rule(value);
  return Object.hasOwn(rules, modern) ? rules[modern]!(value) : undefined;
}

/** Celery's seconds. */
function milliseconds(value: PythonValue): string {
  if (value === null) return 'null';
  if (typeof value !== 'number')
    return `/* milliseconds of ${textOf(value).replaceAll('*/', '')} */ 0`;
  return String(Math.round(value * 1000)).replace(/\B(?=(\d{3})+$)/g, '_');
}

function rateLimit(text: string): string {
  const [, limit, unit = 's'] = /^(\d+)(?:\/([smh]))?$/.exec(text) ?? [];
  const perMs = { s: '1_000', m: '60_000', h: '3_600_000' }[unit];
  if (limit === undefined) return `// rateLimit: ${text}`;
  return `rateLimit: { limit: ${limit}, perMs: ${perMs} },`;
}

function routes(value: PythonValue): string[] {
  if (!isDictionary(value)) return [`// routes: ${textOf(value)}`];
  return Object.entries(value).map(([task, route]) => {
    const queue = isDictionary(route) ? route['queue'] : route;
    return `// ${task}\nqueue: '${queueOf(textOf(queue ?? 'normal_priority'))}',`;
  });
}

/** The original's three queues have their names here; another one needs a decision. */
function queueOf(name: string): QueueName {
  if (/high|priority|urgent/.test(name) && !/low|normal/.test(name)) return 'high_priority';
  return /low|slow|bulk/.test(name) ? 'low_priority' : 'normal_priority';
}
