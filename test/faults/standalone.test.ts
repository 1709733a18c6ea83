import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { readRunningFile } from '../../src/infrastructure/embedded/running-file.js';
import { eventually } from '../support/eventually.js';
import { endProcess, startProcess, type TestProcess } from '../support/processes.js';

const run = promisify(execFile);
const isRoot = process.geteuid?.() === 0;

async function folder(t: TestContext): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), 'darkroom-standalone-'));
  t.after(() => rm(made, { recursive: true, force: true, maxRetries: 5 }));
  return made;
}

function launch(t: TestContext, env: Record<string, string>, as = {}): TestProcess {
  const started = startProcess('src/standalone.js', [], { PORT: '0', ...env }, as);
  t.after(() => endProcess(started));
  return started;
}

async function ready(t: TestContext, env: Record<string, string>, as = {}) {
  const started = launch(t, env, as);
  await started.says('Ctrl-C stops everything', 60_000);
  const found = (pattern: RegExp) => pattern.exec(started.output())![1]!;
  return {
    ...started,
    url: found(/API +(\S+)\/api\/docs/),
    key: found(/Admin key +(\S+)/),
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

describe('npm start', () => {
  it('offers lines that make a picture when pasted; Ctrl-C leaves nothing; a second start finds it', async (t) => {
    const dataDir = await folder(t);
    const first = await ready(t, { DARKROOM_DATA_DIR: dataDir });
    const work = await folder(t);
    await run('sh', ['-c', first.offered], { cwd: work });
    const { stdout: type } = await run('head', ['-c', '4', 'picture.png'], { cwd: work });
    assert.equal(type.slice(1), 'PNG');
    const sketch = await sketchOf(first.child.pid!);
    assert.equal((await readRunningFile(dataDir))?.url, first.url, 'for the command line');

    first.kill('SIGINT');
    assert.equal(await first.ended(), 0);
    assert.equal(isAlive(first.postgres), false, 'Postgres is gone');
    assert.equal(isAlive(sketch), false, 'the stand-in is gone');
    assert.equal(await readRunningFile(dataDir), undefined);
    assert.deepEqual(await processesOf(dataDir), []);

    const second = await ready(t, { DARKROOM_DATA_DIR: dataDir });
    assert.equal(second.key, first.key);
    const { stdout } = await run('sh', ['-c', `${second.offered}; cat picture.png`], {
      cwd: work,
      encoding: 'buffer',
    });
    assert.ok(stdout.length > 1000);
    const response = await fetch(`${second.url}/api/openapi.json`, {
      headers: { authorization: `Bearer ${first.key}` },
    });
    assert.equal(response.status, 200);
    second.kill('SIGTERM');
    assert.equal(await second.ended(), 0);
  });

  it('Ctrl-C while it draws ends at once too, and the task is not lost', async (t) => {
    const dataDir = await folder(t);
    const first = await ready(t, { DARKROOM_DATA_DIR: dataDir });
    const posted = await fetch(`${first.url}/api/v1/generate-image`, {
      method: 'POST',
      headers: { authorization: `Bearer ${first.key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ prompt: 'long', steps: 150 }),
    });
    const { status_url } = (await posted.json()) as { status_url: string };
    const status = async (at: { url: string; key: string }) => {
      const headers = { authorization: `Bearer ${at.key}` };
      const response = await fetch(at.url + status_url, { headers });
      return (await response.json()) as { status: string };
    };
    await eventually('it draws', async () => (await status(first)).status === 'STARTED');
    first.kill('SIGINT');
    assert.equal(await first.ended(), 0);
    assert.deepEqual(await processesOf(dataDir), []);
    const second = await ready(t, { DARKROOM_DATA_DIR: dataDir });
    await eventually('it is made', async () => (await status(second)).status === 'SUCCESS', 60_000);
  });

  it('runs twice side by side on two folders, and says so on the same one', async (t) => {
    const dataDir = await folder(t);
    await ready(t, { DARKROOM_DATA_DIR: dataDir });
    await ready(t, { DARKROOM_DATA_DIR: await folder(t) });
    const same = launch(t, { DARKROOM_DATA_DIR: dataDir });
    assert.equal(await same.ended(), 1);
    assert.match(
      same.output(),
      /^darkroom: The data folder \S+ is in use by another Darkroom \(process \d+\): stop it first, or set DARKROOM_DATA_DIR to another folder\.$/m,
    );
  });

  it('says when its port is taken, and leaves nothing behind', async (t) => {
    const dataDir = await folder(t);
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    t.after(() => taken.close());
    const { port } = taken.address() as { port: number };
    const refused = launch(t, { DARKROOM_DATA_DIR: dataDir, PORT: String(port) });
    assert.equal(await refused.ended(), 1);
    assert.match(
      refused.output(),
      new RegExp(`^darkroom: Port ${port} on 127\\.0\\.0\\.1 is taken by another program`, 'm'),
    );
    assert.deepEqual(await processesOf(dataDir), []);
  });

  it('kill -9 leaves nothing running, and the next start has the data', async (t) => {
    const dataDir = await folder(t);
    const first = await ready(t, { DARKROOM_DATA_DIR: dataDir });
    const sketch = await sketchOf(first.child.pid!);
    first.kill('SIGKILL');
    await first.ended();
    await eventually('the stand-in is gone', () => !isAlive(sketch));
    const second = await ready(t, { DARKROOM_DATA_DIR: dataDir });
    assert.equal(second.key, first.key);
  });

  it('ends with a sentence when its Postgres dies', async (t) => {
    const dataDir = await folder(t);
    const running = await ready(t, { DARKROOM_DATA_DIR: dataDir });
    process.kill(Number(running.postgres), 'SIGKILL');
    assert.equal(await running.ended(), 1);
    assert.match(running.output(), /^darkroom: Postgres ended by itself \(signal SIGKILL\)/m);
  });

  it('starts the stand-in again when that dies', async (t) => {
    const running = await ready(t, { DARKROOM_DATA_DIR: await folder(t) });
    const sketch = await sketchOf(running.child.pid!);
    process.kill(Number(sketch), 'SIGKILL');
    await running.says('starting it again');
    await eventually('another one runs', async () => {
      const now = await sketchOf(running.child.pid!).catch(() => undefined);
      return now !== undefined && now !== sketch;
    });
  });

  it(
    'as root, from a folder that only root can enter',
    { skip: !isRoot && 'not root' },
    async (t) => {
      const parent = await folder(t);
      await chmod(parent, 0o700);
      await ready(t, { DARKROOM_DATA_DIR: join(parent, 'data') });
    },
  );

  it('as an ordinary user', { skip: !isRoot && 'only root can become another' }, async (t) => {
    const dataDir = await folder(t);
    await chown(dataDir, 65534, 65534);
    const as = { uid: 65534, gid: 65534, cwd: '/' };
    const probe = startProcess('src/sketch/main.js', ['--help'], {}, as);
    if ((await probe.ended()) !== 0) return t.skip('another user cannot read this checkout');
    await ready(t, { DARKROOM_DATA_DIR: dataDir, HOME: dataDir }, as);
  });

  it('says when it may not write its folder', async (t) => {
    const dataDir = join(await folder(t), 'data');
    const as = isRoot ? { uid: 65534, gid: 65534, cwd: '/' } : {};
    await mkdir(dataDir, { mode: 0o500 });
    const refused = launch(t, { DARKROOM_DATA_DIR: dataDir }, as);
    const code = await refused.ended();
    if (refused.output().includes('Cannot find module')) return t.skip('cannot read this checkout');
    assert.equal(code, 1);
    assert.match(
      refused.output(),
      /^darkroom: Darkroom may not read and write in the data folder/m,
    );
  });

  it('says when the disk is full', { skip: !isRoot && 'only root can mount' }, async (t) => {
    const dataDir = await mkdtemp(join(tmpdir(), 'darkroom-full-'));
    t.after(async () => {
      await run('umount', ['-l', dataDir]).catch(() => {});
      await rm(dataDir, { recursive: true });
    });
    const mounted = await run('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', dataDir]).then(
      () => true,
      () => false,
    );
    if (!mounted) return t.skip('may not mount here');
    const refused = launch(t, { DARKROOM_DATA_DIR: join(dataDir, 'data') });
    assert.equal(await refused.ended(), 1);
    assert.match(refused.output(), /^darkroom: The disk that holds \S+ is full: free some space/m);
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
    it(`${what} stops the start with a sentence`, async (t) => {
      const refused = launch(t, { DARKROOM_DATA_DIR: await folder(t), ...env });
      assert.equal(await refused.ended(), 1);
      assert.match(refused.output(), sentence);
      assert.doesNotMatch(refused.output(), /^ +at /m, 'no stack');
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
