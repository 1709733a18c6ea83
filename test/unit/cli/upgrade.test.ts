import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
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
    assert.deepEqual(settingsOf(original), {
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

  it('are read from dictionaries, with the names of before Celery 4', () => {
    assert.deepEqual(
      settingsOf(`app.conf.update({'CELERY_ACKS_LATE': False, "task_routes": {'a.b': {'queue': 'x'}},})
CELERYD_CONCURRENCY = 4; CELERY_TIMEZONE = 'UTC'`),
      {
        task_acks_late: false,
        task_routes: { 'a.b': { queue: 'x' } },
        worker_concurrency: 4,
        timezone: 'UTC',
      },
    );
  });

  it('are read from an env file', () => {
    assert.deepEqual(settingsOf('# x\nexport CELERY_BROKER_URL="redis://r:6379/0"\nAPP_X=1\n'), {
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
    it(`broken Python ends too: ${JSON.stringify(source)}`, () => {
      assert.ok(Array.isArray(celerySettings(source)));
    });
  }

  it('an expression is not run, and what follows it is read', () => {
    const found = upgradeSettings('task_x = __import__("os").system("x")\nworker_concurrency = 3');
    assert.deepEqual(
      found.map(({ setting, value, becomes }) => [setting, value, becomes.kind]),
      [
        ['task_x', "__import__('os').system('x')", 'unknown'],
        ['worker_concurrency', '3', 'env'],
      ],
    );
  });
});

describe('what they become', () => {
  const text = upgradeText(upgradeSettings(original));

  it('the lines for .env are an environment that Darkroom takes', () => {
    const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    const env = Object.fromEntries(lines.map((line) => line.split('=') as [string, string]));
    assert.deepEqual(Object.keys(env), ['QUEUE_URL', 'TZ_SCHEDULE', 'WORKER_MAX_TASKS_PER_CHILD']);
    assert.equal(readEnvironment(env).queueUrl, 'redis://redis:6379/0');
  });

  it('options of definitions are in milliseconds; what is usual is left out', () => {
    assert.match(text, /# {5}hardTimeLimitMs: 900_000,/);
    assert.match(text, /# result_expires = 3600\n# {5}the default here too/);
  });

  it('what is always so says so', () => {
    assert.match(text, /# task_acks_late = true\n# {5}always so: /);
    assert.match(text, /# worker_prefetch_multiplier = 1\n# {5}always so: /);
  });

  it('a value cannot leave its comment, and a password in one is not shown', () => {
    const shown = upgradeText(
      upgradeSettings(`task_x = 'a\\nQUEUE_URL=redis://evil'\ntask_y = 'redis://:pass@h/0'`),
    );
    assert.ok(shown.split('\n').every((line) => line.startsWith('#')));
    assert.doesNotMatch(shown, /pass@/);
  });

  it('false for late acknowledgement is not called the same', () => {
    const [found] = upgradeSettings('task_acks_late = False');
    assert.match(JSON.stringify(found), /must bear that/);
  });
});
