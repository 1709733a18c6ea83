import { describe, expect, it } from '@jest/globals';
import { checkedTiming, ticksOf } from '../../../src/tasks/schedules/timing.js';
import { readEnvironment } from '../../../src/config/environment.js';
import { celerySettings } from '../../../src/cli/upgrade/celery-settings.js';
import { upgradeSettings, upgradeText } from '../../../src/cli/upgrade/upgrade.js';

const settingsOf = (source: string) =>
  Object.fromEntries(celerySettings(source).map(({ name, value }) => [name, value]));

/** The original's celery_worker/tasks.py and celery_config.py, with its settings of celery_app.py. */
const original = `
from celery import Celery
import os
REDIS_URL = os.getenv('REDIS_URL', 'redis://redis:6379/0')
app = Celery('tasks', broker=REDIS_URL, backend=REDIS_URL)
app.conf.update(
    task_serializer='json',
    accept_content=['json'],  # a comment, with (brackets
    timezone='Europe/Moscow',
    enable_utc=True,
    task_track_started=True,
    result_expires=3600, # 1 hour
    task_time_limit=15 * 60,
    worker_max_tasks_per_child=50,
)
celery_app.conf.task_acks_late = True
celery_app.conf.worker_prefetch_multiplier = 1

@app.task(bind=True, name='add_numbers')
def add_numbers(self, x: int, y: int) -> int:
    """task_time_limit = 1"""
    result = x + y
    return result
`;

describe('settings of Celery', () => {
  it('are read from calls, attributes and constants', () => {
    expect(settingsOf(original)).toEqual({
      broker_url: 'redis://redis:6379/0',
      result_backend: 'redis://redis:6379/0',
      task_serializer: 'json',
      accept_content: ['json'],
      timezone: 'Europe/Moscow',
      enable_utc: true,
      task_track_started: true,
      result_expires: 3600,
      task_time_limit: 900,
      worker_max_tasks_per_child: 50,
      task_acks_late: true,
      worker_prefetch_multiplier: 1,
    });
  });

  it('are read from dictionaries, with the names used before Celery 4', () => {
    expect(
      settingsOf(`app.conf.update({'CELERY_ACKS_LATE': False, "task_routes": {'a.b': {'queue': 'x'}},})
CELERYD_CONCURRENCY = 4; CELERY_TIMEZONE = 'UTC'`),
    ).toEqual({
      task_acks_late: false,
      task_routes: { 'a.b': { queue: 'x' } },
      worker_concurrency: 4,
      timezone: 'UTC',
    });
  });

  it('are read from an env file', () => {
    expect(settingsOf('# x\nexport CELERY_BROKER_URL="redis://r:6379/0"\nAPP_X=1\n')).toEqual({
      CELERY_BROKER_URL: 'redis://r:6379/0',
      APP_X: 1,
    });
  });

  for (const source of [
    'task_time_limit = (',
    'task_time_limit = )]}',
    "task_routes = {'a': [1, (2,",
    "task_x = 'never closed",
    'task_x = """never closed',
    'app.conf.update(',
    'app.conf.update(]])',
    'task_x = lambda x: {x for y in z}\ntask_y = -z ** 2',
    '\u0000\ufffd = \u0001',
    '= = = , , ,',
    '',
  ]) {
    it(`are read to the end even from broken Python: ${JSON.stringify(source)}`, () => {
      expect(Array.isArray(celerySettings(source))).toBe(true);
    });
  }

  it('are read after an expression, which is not run', () => {
    const found = upgradeSettings('task_x = __import__("os").system("x")\nworker_concurrency = 3');
    expect(found.map(({ setting, value, becomes }) => [setting, value, becomes.kind])).toEqual([
      ['task_x', "__import__('os').system('x')", 'unknown'],
      ['worker_concurrency', '3', 'env'],
    ]);
  });
});

describe('the settings for Darkroom', () => {
  const text = upgradeText(upgradeSettings(original));

  it('are lines for .env that Darkroom accepts', () => {
    const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    const env = Object.fromEntries(lines.map((line) => line.split('=') as [string, string]));
    expect(Object.keys(env)).toEqual(['QUEUE_URL', 'TZ_SCHEDULE', 'WORKER_MAX_TASKS_PER_CHILD']);
    expect(readEnvironment(env).queueUrl).toBe('redis://redis:6379/0');
  });

  it('are options of definitions in milliseconds, without defaults', () => {
    expect(text).toMatch(/# {5}hardTimeLimitMs: 900_000,/);
    expect(text).toMatch(/# result_expires = 3600\n# {5}the default here too/);
  });

  it('say which settings always apply', () => {
    expect(text).toMatch(/# task_acks_late = true\n# {5}always the case: /);
    expect(text).toMatch(/# worker_prefetch_multiplier = 1\n# {5}always the case: /);
  });

  it('keep each value inside its comment, and show no password', () => {
    const shown = upgradeText(
      upgradeSettings(`task_x = 'a\\nQUEUE_URL=redis://evil'\ntask_y = 'redis://:pass@h/0'`),
    );
    expect(shown.split('\n').every((line) => line.startsWith('#'))).toBe(true);
    expect(shown).not.toMatch(/pass@/);
  });

  it('do not call late acknowledgement unchanged when it was false', () => {
    const [found] = upgradeSettings('task_acks_late = False');
    expect(JSON.stringify(found)).toMatch(/must bear that/);
  });
});

describe('a beat_schedule', () => {
  const source = `
from celery.schedules import crontab
from datetime import timedelta
app.conf.beat_schedule = {
    'nightly': {'task': 'make_report', 'schedule': crontab(hour=3, minute=30), 'kwargs': {'deep': True}},
    'on-mondays': {
        'task': 'app.tasks.mail',
        'schedule': crontab(minute=0, hour='*/4', day_of_week='mon,wed'),
        'options': {'expires': 60, 'queue': 'mails'},
    },
    'payday': {'task': 'pay', 'schedule': celery.schedules.crontab(0, 8, day_of_month=[1, 15], day_of_week='mon-fri')},
    'every-minute': {'task': 'tick', 'schedule': crontab()},
    'workdays': {'task': 'tick', 'schedule': crontab(0, 7, day_of_week='Monday-friday', month_of_year='january,March')},
    'interval': {'task': 'tick', 'schedule': 30.0, 'args': (16, 16)},
    'delta': {'task': 'tick', 'schedule': timedelta(minutes=1, seconds=30)},
    'half': {'task': 'tick', 'schedule': 1.5},
    'sunrise': {'task': 'wake', 'schedule': solar('sunrise', -37.81, 144.96)},
    "it's": {'task': 'tick', 'schedule': crontab(minute=MINUTE)},
}`;
  const [found] = upgradeSettings(source);
  const lines = found?.becomes.kind === 'definition' ? found.becomes.code : [];

  it('becomes command lines with the real times', () => {
    expect(lines).toEqual([
      `darkroom schedules add nightly make_report --cron '30 3 * * *' --payload '{"deep":true}'`,
      `darkroom schedules add on-mondays app.tasks.mail --cron '0 */4 * * mon,wed' --expires 60s`,
      '// option queue: mails',
      `darkroom schedules add payday pay --cron '0 8 1,15 * +mon-fri'`,
      `darkroom schedules add every-minute tick --cron '* * * * *'`,
      `darkroom schedules add workdays tick --cron '0 7 * jan,Mar Mon-fri'`,
      'darkroom schedules add interval tick --every 30s',
      '// args [16,16]: give them names, in --payload',
      'darkroom schedules add delta tick --every 90s',
      'darkroom schedules add half tick --every 1500ms',
      `darkroom schedules add sunrise wake --cron '…'`,
      `// schedule solar('sunrise',-37.81,144.96)`,
      `darkroom schedules add 'it'\\''s' tick --cron '…'`,
      '// schedule crontab(minute=MINUTE)',
    ]);
  });

  it('has times that a schedule accepts, with days as Celery means them', () => {
    const crons = lines.flatMap((line) => /--cron '([^'…]+)'/.exec(line)?.[1] ?? []);
    expect(crons.length).toBe(5);
    for (const cron of crons) checkedTiming({ cron }, 'UTC');
    const ticks = ticksOf(checkedTiming({ cron: '0 8 1,15 * +mon-fri' }, 'UTC'));
    // 2026-11-01 and -15 are Sundays.
    expect(ticks(new Date('2026-11-01T00:00:00Z')).toISOString()).toBe('2026-12-01T08:00:00.000Z');
  });
});
