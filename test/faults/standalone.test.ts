import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdir, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { canMount, isRoot, othersCanRun } from '../support/abilities.js';
import { atTestEnd } from '../support/at-test-end.js';
import { promisify } from 'node:util';
import { readRunningFile } from '../../src/infrastructure/embedded/running-file.js';
import { eventually } from '../support/eventually.js';
import { endProcess, startProcess, type TestProcess } from '../support/processes.js';

const run = promisify(execFile);
const othersCan = othersCanRun();

const temporary = () => mkdtemp(join(tmpdir(), 'darkroom-standalone-'));
const remove = (made: string) => rm(made, { recursive: true, force: true, maxRetries: 5 });
const bearer = (key: string) => ({ authorization: `Bearer ${key}` });

/** Of one test. */
async function folder(): Promise<string> {
  const made = await temporary();
  atTestEnd(() => remove(made));
  return made;
}

/** For one test, unless something else ends it. */
function launch(
  env: Record<string, string>,
  as = {},
  end: (started: TestProcess) => void = (started) => atTestEnd(() => endProcess(started)),
): TestProcess {
  const started = startProcess('src/standalone.js', [], { PORT: '0', ...env }, as);
  end(started);
  return started;
}

const ready = (env: Record<string, string>, as = {}) =>
  untilReady(launch(env, as), env['DARKROOM_DATA_DIR']!);

async function untilReady(started: TestProcess, dataDir: string) {
  await started.says('Ctrl-C stops everything');
  const found = (pattern: RegExp) => pattern.exec(started.output())![1]!;
  return {
    ...started,
    url: found(/API +(\S+)\/api\/docs/),
    key: (await readFile(join(dataDir, 'admin.key'), 'utf8')).trim(),
    postgres: found(/\(process (\d+)\)/),
    /** The lines that it offers to paste. */
    offered: /KEY=[^]*?\$IMAGE/.exec(started.output())![0],
  };
}

const isAlive = (pid: string) => {
  try {
    process.kill(Number(pid), 0);
    return true;
  } catch {
    return false;
  }
};

/** Processes whose command line names the folder. */
async function processesOf(name: string): Promise<string[]> {
  const { stdout } = await run('ps', ['-eo', 'pid,args']);
  return stdout.split('\n').filter((line) => line.includes(name));
}

/** A start takes seconds, so each test goes on where the one before it has left off. */
describe('npm start on one folder', () => {
  let dataDir: string;
  let work: string;
  let running: Awaited<ReturnType<typeof ready>>;
  let key: string;
  let drawing: string;
  const others: TestProcess[] = [];

  beforeAll(async () => {
    [dataDir, work] = await Promise.all([temporary(), temporary()]);
  });
  afterAll(async () => {
    for (const process of [running, ...others]) if (process) await endProcess(process);
    for (const made of [dataDir, work]) await remove(made);
  });

  const start = async (folder = dataDir) => {
    const started = launch({ DARKROOM_DATA_DIR: folder }, {}, () => {});
    others.push(started);
    return untilReady(started, folder);
  };

  it('prints lines that make a picture when pasted', async () => {
    running = await start();
    await run('sh', ['-c', running.offered], { cwd: work });
    const { stdout: type } = await run('head', ['-c', '4', 'picture.png'], { cwd: work });
    expect(type.slice(1)).toBe('PNG');
    key = running.key;
    expect((await readRunningFile(dataDir))?.url).toBe(running.url);
    expect(running.output().includes(key)).toBe(false);
    expect((await stat(join(dataDir, 'admin.key'))).mode & 0o777).toBe(0o600);
    expect(running.output().includes('\u001b')).toBe(false);
  });

  it('leaves nothing running after Ctrl-C', async () => {
    const sketch = await sketchOf(running.child.pid!);
    running.kill('SIGINT');
    expect(await running.ended()).toBe(0);
    expect(isAlive(running.postgres)).toBe(false);
    expect(isAlive(sketch)).toBe(false);
    expect(await readRunningFile(dataDir)).toBe(undefined);
    expect(await processesOf(dataDir)).toEqual([]);
  });

  it('finds its data when it starts again', async () => {
    running = await start();
    expect(running.key).toBe(key);
    const { stdout } = await run('sh', ['-c', `${running.offered}; cat picture.png`], {
      cwd: work,
      encoding: 'buffer',
    });
    expect(stdout.length).toBeGreaterThan(1000);
    const response = await fetch(`${running.url}/api/openapi.json`, { headers: bearer(key) });
    expect(response.status).toBe(200);
  });

  it('ends at once after Ctrl-C while it draws', async () => {
    const posted = await fetch(`${running.url}/api/v1/generate-image`, {
      method: 'POST',
      headers: { ...bearer(key), 'content-type': 'application/json' },
      body: JSON.stringify({ prompt: 'long', steps: 150 }),
    });
    drawing = ((await posted.json()) as { status_url: string }).status_url;
    await eventually('it draws', async () => (await statusOf(drawing)) === 'STARTED');
    running.kill('SIGINT');
    // It has ten seconds, which a busy machine may exceed; then it says so.
    const inTime = (await running.ended()) === 0;
    expect(inTime || running.output().includes('Stopping took too long.')).toBe(true);
    await eventually('nothing is left', async () => (await processesOf(dataDir)).length === 0);
  });

  it('makes the picture after the next start', async () => {
    running = await start();
    await eventually('it is made', async () => (await statusOf(drawing)) === 'SUCCESS');
  });

  it('leaves nothing running after kill -9, and the next start has the data', async () => {
    const sketch = await sketchOf(running.child.pid!);
    running.kill('SIGKILL');
    await running.ended();
    await eventually('the stand-in is gone', () => !isAlive(sketch));
    running = await start();
    expect(running.key).toBe(key);
    expect(await statusOf(drawing)).toBe('SUCCESS');
  });

  it('runs beside another one on another folder, but refuses the same folder', async () => {
    const elsewhere = await folder();
    const other = await start(elsewhere);
    const same = launch({ DARKROOM_DATA_DIR: dataDir });
    expect(await same.ended()).toBe(1);
    expect(same.output()).toMatch(
      /^darkroom: The data folder \S+ is in use by another Darkroom \(process \d+\): stop it first, or set DARKROOM_DATA_DIR to another folder\.$/m,
    );
    expect(running.isRunning()).toBe(true);
    other.kill('SIGTERM');
    expect(await other.ended()).toBe(0);
  });

  it('restarts the stand-in engine when it dies', async () => {
    const sketch = await sketchOf(running.child.pid!);
    process.kill(Number(sketch), 'SIGKILL');
    await running.says('starting it again');
    await eventually('another one runs', async () => {
      const now = await sketchOf(running.child.pid!).catch(() => undefined);
      return now !== undefined && now !== sketch;
    });
  });

  it('ends with a message when its Postgres dies', async () => {
    process.kill(Number(running.postgres), 'SIGKILL');
    expect(await running.ended()).toBe(1);
    expect(running.output()).toMatch(/^darkroom: Postgres ended by itself \(signal SIGKILL\)/m);
  });

  async function statusOf(path: string): Promise<string> {
    const response = await fetch(running.url + path, { headers: bearer(key) });
    return ((await response.json()) as { status: string }).status;
  }
});

describe('npm start', () => {
  it('says when its port is taken, and leaves nothing behind', async () => {
    const dataDir = await folder();
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    atTestEnd(() => taken.close());
    const { port } = taken.address() as { port: number };
    const refused = launch({ DARKROOM_DATA_DIR: dataDir, PORT: String(port) });
    expect(await refused.ended()).toBe(1);
    expect(refused.output()).toBe(
      `darkroom: Port ${port} on 127.0.0.1 is taken by another program: stop it, or set PORT to another one.\n`,
    );
    expect(await readdir(dataDir)).toEqual([]);
    expect(await processesOf(dataDir)).toEqual([]);
  });

  (isRoot ? it : it.skip)('as root, from a folder that only root can enter', async () => {
    const parent = await folder();
    await chmod(parent, 0o700);
    await ready({ DARKROOM_DATA_DIR: join(parent, 'data') });
  });

  (othersCan ? it : it.skip)('as an ordinary user', async () => {
    const dataDir = await folder();
    await chown(dataDir, 65534, 65534);
    const as = { uid: 65534, gid: 65534, cwd: '/' };
    await ready({ DARKROOM_DATA_DIR: dataDir, HOME: dataDir }, as);
  });

  (othersCan || !isRoot ? it : it.skip)('says when it may not write its folder', async () => {
    const dataDir = join(await folder(), 'data');
    const as = isRoot ? { uid: 65534, gid: 65534, cwd: '/' } : {};
    await mkdir(dataDir, { mode: 0o500 });
    const refused = launch({ DARKROOM_DATA_DIR: dataDir }, as);
    const code = await refused.ended();
    expect(code).toBe(1);
    expect(refused.output()).toMatch(
      /^darkroom: Darkroom may not read and write in the data folder/m,
    );
  });

  (canMount() ? it : it.skip)('says when the disk is full', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'darkroom-full-'));
    atTestEnd(async () => {
      await run('umount', ['-l', dataDir]).catch(() => {});
      await rm(dataDir, { recursive: true });
    });
    await run('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', dataDir]);
    const refused = launch({ DARKROOM_DATA_DIR: join(dataDir, 'data') });
    expect(await refused.ended()).toBe(1);
    expect(refused.output()).toMatch(
      /^darkroom: The disk that holds \S+ is full: free some space/m,
    );
  });
});

describe('a wrong environment', () => {
  const cases: [string, Record<string, string>, RegExp][] = [
    [
      'a bad port',
      { PORT: 'abc' },
      /^darkroom: PORT \("abc"\) is not a whole number\. Example: PORT=3000$/m,
    ],
    [
      'production without a database',
      { NODE_ENV: 'production' },
      /^darkroom: DATABASE_URL is not set/m,
    ],
    [
      'an address that is not here',
      { HOST: '192.0.2.1' },
      /^darkroom: This machine has no address 192\.0\.2\.1: set HOST/m,
    ],
  ];
  for (const [what, env, sentence] of cases) {
    it(`${what} stops the start with a message`, async () => {
      const refused = launch({ DARKROOM_DATA_DIR: await folder(), ...env });
      expect(await refused.ended()).toBe(1);
      expect(refused.output()).toMatch(sentence);
      expect(refused.output()).not.toMatch(/^ +at /m);
    });
  }
});

/** The child that runs the stand-in. */
async function sketchOf(parent: number): Promise<string> {
  const { stdout } = await run('ps', ['--ppid', String(parent), '-o', 'pid=,args=']);
  const line = stdout.split('\n').find((process) => process.includes('sketch/main.js'));
  if (line === undefined) throw new Error('no stand-in runs');
  return line.trim().split(' ')[0]!;
}
