import { execFile } from 'node:child_process';
import { Readable } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { about } from '../../support/about.js';
import { promisify } from 'node:util';
import { logEntries, type LogEntry } from '../../../src/cli/logs/log-lines.js';
import { LogStats, Tally } from '../../../src/cli/logs/log-stats.js';
import { taskLineOf } from '../../../src/cli/logs/log-tasks.js';
import { Traces } from '../../../src/cli/logs/log-traces.js';

const id = '0198c2f0-5b1e-7c3a-9f00-2d1e8a7b6c54';
const entry = (message: string, changes: Partial<LogEntry> = {}): LogEntry => ({
  level: 'warn',
  pid: 1,
  timestamp: 1_795_247_613_800,
  message,
  context: 'Tasks',
  stack: null,
  ...changes,
});

async function read(...chunks: (string | Buffer)[]) {
  const found: (LogEntry | undefined)[] = [];
  for await (const one of logEntries(Readable.from(chunks))) found.push(one);
  return found;
}

describe('lines of a log', () => {
  const line = JSON.stringify(entry('naïve ✓'));

  it('are found however the text is split into chunks, even a last line without an end', async () => {
    const bytes = Buffer.from(`${line}\n\n${line}`);
    const oneByOne = Array.from(bytes, (byte) => Buffer.from([byte]));
    expect(await read(...oneByOne)).toEqual([entry('naïve ✓'), entry('naïve ✓')]);
  });

  it('may begin with the name of a compose service', async () => {
    expect(await read(`worker-1  | ${line}\n`)).toEqual([entry('naïve ✓')]);
  });

  for (const [what, bad] of Object.entries({
    'text of another program': 'npm warn old lockfile',
    'half a line': line.slice(0, 40),
    'another JSON': '{"level":"info"}',
    'a list': '[1]',
    'a time that is none': '{"level":"log","message":"x","timestamp":1e30}',
    'a line without an end': `{"message":"${'x'.repeat(2_000_000)}`,
  })) {
    it(`count as bad: ${what}`, async () => {
      expect(await read(`${bad}\n${line}`)).toEqual([undefined, entry('naïve ✓')]);
    });
  }

  it('stay readable when the message is an object', async () => {
    const [found] = await read('{"level":"log","timestamp":0,"message":{"a":1}}');
    expect(found?.message).toBe('{"a":1}');
  });
});

describe('lines of the text format', () => {
  const [at, said] = ['2026-11-21T09:00:50.123Z', '[Darkroom] 8822  - '];

  it('are read, with colours, another process in front, or the name of a worker', async () => {
    const timestamp = Date.parse(at);
    expect(
      await read(
        `Starting …\n${said}${at}     LOG [Workers] Serving a, b\n`,
        `worker-1  | [Darkroom gpu@host 1] 7  - ${at}    WARN Plain\n`,
        `\u001b[32m${said}\u001b[39m${at} \u001b[32m    LOG\u001b[39m \u001b[38;5;3m[Tasks] \u001b[39mdone\r\n`,
      ),
    ).toEqual([
      undefined,
      {
        level: 'log',
        pid: 8822,
        timestamp,
        message: 'Serving a, b',
        context: 'Workers',
        stack: null,
      },
      { level: 'warn', pid: 7, timestamp, message: 'Plain', context: null, stack: null },
      { level: 'log', pid: 8822, timestamp, message: 'done', context: 'Tasks', stack: null },
    ]);
  });

  it('keep the stack of an error, and nothing that comes after it', async () => {
    const stack = 'Error: broken\n    at run (a.js:1:1)\n  [cause]: Error: x\n}';
    const [first, second, ...rest] = await read(
      `${said}${at}   ERROR [Tasks] broken\n${stack}\nDarkroom is ready.\n`,
    );
    expect([first?.message, first?.stack]).toEqual(['broken', stack]);
    expect([second, rest]).toEqual([undefined, []]);
  });

  it('are what the logger of every program writes', async () => {
    for (const logFormat of ['pretty', 'json'] as const) {
      const [entries] = [await read(await written(logFormat))];
      about(logFormat, () =>
        expect(
          entries.map((found) => [
            found?.level,
            found?.context,
            found?.message,
            found?.stack !== null,
          ]),
        ).toEqual([
          ['log', 'Tasks', `Task a[${id}] received`, false],
          ['warn', 'Tasks', 'careful', false],
          ['error', 'Tasks', 'broken', true],
        ]),
      );
    }
  });
});

/** Of a process of its own, as a test's output is the runner's. */
async function written(logFormat: 'pretty' | 'json'): Promise<string> {
  const logger = new URL('../../../src/infrastructure/http/logger.js', import.meta.url).href;
  const code = `
    const { createLogger } = await import('${logger}');
    const log = createLogger({ logLevel: 'info', logFormat: '${logFormat}' });
    log.log('Task a[${id}] received', 'Tasks');
    log.warn('careful', 'Tasks');
    process.stderr.write = process.stdout.write.bind(process.stdout);
    log.error('broken', new Error('broken').stack, 'Tasks');`;
  const args = ['--input-type=module', '-e', code];
  return (await promisify(execFile)(process.execPath, args)).stdout;
}

describe('lines about tasks', () => {
  it('say what Celery says: received, succeeded', () => {
    const received = taskLineOf(entry(`Task add_numbers[${id}], attempt 2: received`));
    expect([
      received?.task_id,
      received?.name,
      received?.attempt,
      received?.code,
      received?.message,
    ]).toEqual([id, 'add_numbers', 2, null, 'received']);
    const succeeded = taskLineOf(entry(`Task add_numbers[${id}] succeeded in 0.012 s`));
    expect([succeeded?.name, succeeded?.message]).toEqual(['add_numbers', 'succeeded in 0.012 s']);
    const failed = taskLineOf(
      entry(`Task a.b[${id}], attempt 1: time_limit: Slow. (again in 60 s)`),
    );
    expect([failed?.name, failed?.attempt, failed?.code, failed?.message]).toEqual([
      'a.b',
      1,
      'time_limit',
      'Slow. (again in 60 s)',
    ]);
  });

  it('name the task, the attempt and the code', () => {
    const found = taskLineOf(entry(`Task ${id} (add_numbers), attempt 2: time_limit: Too slow.`));
    expect(found?.task_id).toBe(id);
    expect(found?.name).toBe('add_numbers');
    expect(found?.attempt).toBe(2);
    expect(found?.code).toBe('time_limit');
    expect(found?.message).toBe('Too slow.');
  });

  it('have no code when none is given', () => {
    const found = taskLineOf(entry(`Task ${id}, attempt 1: another worker has it; result dropped`));
    expect(found?.code).toBe(null);
    expect(found?.message).toBe('another worker has it; result dropped');
  });

  it('are not confused with other lines', () => {
    expect(taskLineOf(entry('Serving high_priority'))).toBe(undefined);
  });
});

describe('numbers of a log', () => {
  it('count levels, sources, processes and failures', () => {
    const stats = new LogStats();
    stats.add(entry('Serving', { level: 'log', context: null, timestamp: 5 }));
    stats.add(entry(`Task a[${id}], attempt 1: time_limit: x`, { pid: 2, timestamp: 9 }));
    stats.add(entry(`Task b[${id}] succeeded in 0.012 s`, { level: 'log', timestamp: 6 }));
    stats.add(undefined);
    expect([stats.entries, stats.badLines, stats.from, stats.to]).toEqual([3, 1, 5, 9]);
    expect(stats.levels.sorted()).toEqual([
      ['log', 2],
      ['warn', 1],
    ]);
    expect(stats.succeededTasks.toJSON()).toEqual({ b: 1 });
    expect(stats.processes.sorted().length).toBe(2);
    expect(stats.failures.toJSON()).toEqual({ time_limit: 1 });
    expect(stats.failedTasks.toJSON()).toEqual({ a: 1 });
  });

  it('need bounded memory, however many words there are', () => {
    const tally = new Tally();
    for (let i = 0; i < 10_000; i++) tally.add(`word ${i}`);
    tally.add('word 3');
    expect(tally.sorted().length).toBe(1_001);
    expect(tally.sorted()[0]).toEqual(['(others)', 9_000]);
    expect(tally.sorted()[1]).toEqual(['word 3', 2]);
  });
});

describe('stacks of a log', () => {
  const stack = (message: string, place: string) => `Error: ${message}\n    at ${place}`;

  it('are the same when thrown at the same place', () => {
    const traces = new Traces();
    traces.add(entry('one', { stack: stack(`id ${id}`, 'run (a.js:1:1)'), timestamp: 7 }));
    traces.add(entry('two', { stack: stack('id 2', 'run (a.js:1:1)'), timestamp: 3 }));
    traces.add(entry('other', { stack: stack('id 2', 'run (b.js:1:1)') }));
    traces.add(entry('none'));
    const [first, second, ...rest] = traces.list();
    expect([first?.count, first?.first, first?.last, first?.message]).toEqual([2, 3, 7, 'one']);
    expect(second?.message).toBe('other');
    expect(rest).toEqual([]);
  });

  it('need bounded memory', () => {
    const traces = new Traces();
    for (let i = 0; i < 700; i++) traces.add(entry('x', { stack: stack('x', `f (a.js:${i}:1)`) }));
    expect(traces.list().length).toBe(500);
    expect(traces.dropped).toBe(200);
  });
});
