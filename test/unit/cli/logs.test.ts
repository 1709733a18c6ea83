import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { describe, it } from 'node:test';
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

  it('are found whatever the chunks are, the last one without its end too', async () => {
    const bytes = Buffer.from(`${line}\n\n${line}`);
    const oneByOne = Array.from(bytes, (byte) => Buffer.from([byte]));
    assert.deepEqual(await read(...oneByOne), [entry('naïve ✓'), entry('naïve ✓')]);
  });

  it('may begin with the name of a compose service', async () => {
    assert.deepEqual(await read(`worker-1  | ${line}\n`), [entry('naïve ✓')]);
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
      assert.deepEqual(await read(`${bad}\n${line}`), [undefined, entry('naïve ✓')]);
    });
  }

  it('an object as message stays readable', async () => {
    const [found] = await read('{"level":"log","timestamp":0,"message":{"a":1}}');
    assert.equal(found?.message, '{"a":1}');
  });
});

describe('lines about tasks', () => {
  it('tell task, attempt and code', () => {
    const found = taskLineOf(entry(`Task ${id} (add_numbers), attempt 2: time_limit: Too slow.`));
    assert.equal(found?.task_id, id);
    assert.equal(found?.name, 'add_numbers');
    assert.equal(found?.attempt, 2);
    assert.equal(found?.code, 'time_limit');
    assert.equal(found?.message, 'Too slow.');
  });

  it('without a code have none', () => {
    const found = taskLineOf(entry(`Task ${id}, attempt 1: another worker has it; result dropped`));
    assert.equal(found?.code, null);
    assert.equal(found?.message, 'another worker has it; result dropped');
  });

  it('others are none', () => {
    assert.equal(taskLineOf(entry('Serving high_priority')), undefined);
  });
});

describe('numbers of a log', () => {
  it('count levels, sources, processes and failures', () => {
    const stats = new LogStats();
    stats.add(entry('Serving', { level: 'log', context: null, timestamp: 5 }));
    stats.add(entry(`Task ${id} (a), attempt 1: time_limit: x`, { pid: 2, timestamp: 9 }));
    stats.add(undefined);
    assert.deepEqual([stats.entries, stats.badLines, stats.from, stats.to], [2, 1, 5, 9]);
    assert.deepEqual(stats.levels.sorted(), [
      ['log', 1],
      ['warn', 1],
    ]);
    assert.equal(stats.processes.sorted().length, 2);
    assert.deepEqual(stats.failures.toJSON(), { time_limit: 1 });
    assert.deepEqual(stats.failedTasks.toJSON(), { a: 1 });
  });

  it('need bounded memory, however many words there are', () => {
    const tally = new Tally();
    for (let i = 0; i < 10_000; i++) tally.add(`word ${i}`);
    tally.add('word 3');
    assert.equal(tally.sorted().length, 1_001);
    assert.deepEqual(tally.sorted()[0], ['(others)', 9_000]);
    assert.deepEqual(tally.sorted()[1], ['word 3', 2]);
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
    assert.deepEqual([first?.count, first?.first, first?.last, first?.message], [2, 3, 7, 'one']);
    assert.equal(second?.message, 'other');
    assert.deepEqual(rest, []);
  });

  it('need bounded memory', () => {
    const traces = new Traces();
    for (let i = 0; i < 700; i++) traces.add(entry('x', { stack: stack('x', `f (a.js:${i}:1)`) }));
    assert.equal(traces.list().length, 500);
    assert.equal(traces.dropped, 200);
  });
});
