import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { atTestEnd } from '../support/at-test-end.js';
import { darkroom as cli } from '../support/cli.js';
import { startDarkroom, type TestDarkroom } from '../support/darkroom.js';
import { eventually } from '../support/eventually.js';
import { endProcess, startProcess } from '../support/processes.js';
import { onBothQueueEngines } from '../support/on-both-queue-engines.js';
import { assertSound } from '../support/soundness.js';
import { openDatabase } from '../support/stores.js';

it('an unknown queue stops a worker with the list of known queues', async () => {
  const worker = startProcess('src/worker.js', ['--queues', 'urgent'], {
    DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none',
  });
  expect(await worker.ended()).toBe(1);
  expect(worker.output()).toMatch(
    /^darkroom: Unknown queue "urgent"\. Known queues: high_priority, normal_priority, low_priority; or all\.$/m,
  );
});

it('an unknown flag stops a worker with its usage', async () => {
  const worker = startProcess('src/worker.js', ['--queue', 'all'], {});
  expect(await worker.ended()).toBe(1);
  expect(worker.output()).toMatch(/^darkroom: Unknown option '--queue'\..*Usage: /m);
});

for (const program of ['src/main.js', 'src/worker.js']) {
  it(`${program} stops with a message when no database is configured`, async () => {
    const started = startProcess(program, [], {});
    expect(await started.ended()).toBe(1);
    expect(started.output()).toMatch(/^darkroom: DATABASE_URL is not set\. Example: postgres:/m);
  });

  it(`${program} waits for a database that is not running yet`, async () => {
    const database = await openDatabase();
    const dataDir = await mkdtemp(join(tmpdir(), 'darkroom-worker-'));
    atTestEnd(async () => {
      await database.close();
      await rm(dataDir, { recursive: true, force: true });
    });
    const gate = createServer();
    gate.listen(0, '127.0.0.1');
    await once(gate, 'listening');
    const { port } = gate.address() as { port: number };
    gate.close();
    await once(gate, 'close');
    const behind = new URL(database.url);
    const url = new URL(database.url);
    url.port = String(port);
    const started = startProcess(program, [], {
      DATABASE_URL: url.href,
      DARKROOM_DATA_DIR: dataDir,
      SD_API_URLS: 'http://127.0.0.1:1',
      PORT: '0',
    });
    atTestEnd(() => endProcess(started));
    await started.says('Waiting for the database');
    const { connect } = await import('node:net');
    const proxy = createServer((client) => {
      const server = connect(Number(behind.port), behind.hostname);
      client.pipe(server).pipe(client);
      client.on('error', () => server.destroy());
      server.on('error', () => client.destroy());
    });
    proxy.listen(port, '127.0.0.1');
    atTestEnd(() => proxy.close());
    await started.says(program.includes('main') ? 'Listening' : 'Serving');
    started.kill('SIGTERM');
    expect(await started.ended()).toBe(0);
    expect(started.output().includes('\u001b')).toBe(false);
    expect(started.output()).not.toMatch(/dk_/);
  });
}

it('a taken port stops the API before it waits for anything', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  atTestEnd(() => taken.close());
  const { port } = taken.address() as { port: number };
  const refused = startProcess('src/main.js', [], {
    DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none',
    PORT: String(port),
  });
  expect(await refused.ended()).toBe(1);
  expect(refused.output()).toBe(
    `darkroom: Port ${port} on 127.0.0.1 is taken by another program: stop it, or set PORT to another one.\n`,
  );
});

onBothQueueEngines('SIGTERM to a worker', (engine) => {
  const start = (darkroom: TestDarkroom, args: string[], env = {}) =>
    startProcess('src/worker.js', args, {
      DATABASE_URL: darkroom.stores.databaseUrl,
      QUEUE_URL: darkroom.stores.queueUrl,
      DARKROOM_DATA_DIR: darkroom.settings.dataDir,
      SD_API_URLS: darkroom.settings.engineUrls[0],
      SHUTDOWN_GRACE_SECONDS: '20',
      ...env,
    });

  it('lets the running picture end and then exits with 0, with a worker for each queue', async () => {
    const darkroom = await startDarkroom(engine, { workers: false, sketch: { stepMs: 100 } });
    atTestEnd(() => darkroom.close());
    const worker = start(darkroom, ['--queues', 'high_priority']);
    atTestEnd(() => endProcess(worker));
    await worker.says('Serving high_priority');
    const id = await darkroom.generate({ prompt: 'x', width: 64, height: 64, steps: 20 });
    await eventually('it draws', () => darkroom.sketch.state().active !== null);
    worker.kill('SIGTERM');
    expect(await worker.ended()).toBe(0);
    const status = await darkroom.status(id);
    expect(status.status).toBe('SUCCESS');
    expect(status.attempt).toBe(1);
    const uploader = start(darkroom, ['--queues', 'normal_priority'], { LOG_FORMAT: 'json' });
    atTestEnd(() => endProcess(uploader));
    await eventually('the picture is stored', async () => {
      return (await darkroom.database.query('SELECT FROM image_spool')).length === 0;
    });
    uploader.kill('SIGTERM');
    await uploader.ended();
    // `darkroom logs` reads what they wrote, one as text, the other as JSON.
    for (const [process, name] of [
      [worker, 'generate_image_task'],
      [uploader, 'upload_to_cloud_task'],
    ] as const) {
      const { code, stdout } = await cli(['logs', 'tasks', '--json'], {}, process.output());
      expect(code).toBe(0);
      const lines = stdout.trim().split('\n');
      const told = lines.map((line) => JSON.parse(line) as { name: string; message: string });
      const messages = told.filter((line) => line.name === name).map(({ message }) => message);
      expect(messages[0]).toBe('received');
      expect(messages[1]!).toMatch(/^succeeded in \d+\.\d{3} s$/);
    }
    await assertSound(darkroom);
  });

  it('hands back a task that does not end within the grace period, and stops its job on the engine', async () => {
    const darkroom = await startDarkroom(engine, { workers: false, sketch: { stepMs: 1_000 } });
    atTestEnd(() => darkroom.close());
    const worker = start(darkroom, [], { SHUTDOWN_GRACE_SECONDS: '0' });
    atTestEnd(() => endProcess(worker));
    await worker.says('Serving');
    const id = await darkroom.generate({ prompt: 'x', width: 64, height: 64, steps: 100 });
    await eventually('it draws', () => darkroom.sketch.state().active !== null);
    worker.kill('SIGTERM');
    expect(await worker.ended()).toBe(0);
    expect((await darkroom.status(id)).status).toBe('PENDING');
    await eventually('the card is free', () => darkroom.sketch.state().active === null);
  });
});
