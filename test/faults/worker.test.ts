import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { it } from 'node:test';
import { startDarkroom, type TestDarkroom } from '../support/darkroom.js';
import { eventually } from '../support/eventually.js';
import { endProcess, startProcess } from '../support/processes.js';
import { onBothQueueEngines } from '../support/queue-engines.js';
import { assertSound } from '../support/soundness.js';
import { openDatabase } from '../support/stores.js';

it('an unknown queue stops a worker with the list of known ones', async () => {
  const worker = startProcess('src/worker.js', ['--queues', 'urgent'], {
    DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none',
  });
  assert.equal(await worker.ended(), 1);
  assert.match(
    worker.output(),
    /^darkroom: Unknown queue "urgent"\. Known queues: high_priority, normal_priority, low_priority; or all\.$/m,
  );
});

it('an unknown flag stops a worker with its usage', async () => {
  const worker = startProcess('src/worker.js', ['--queue', 'all'], {});
  assert.equal(await worker.ended(), 1);
  assert.match(worker.output(), /^darkroom: Unknown option '--queue'.*Usage: /m);
});

for (const program of ['src/main.js', 'src/worker.js']) {
  it(`${program} without a database stops with a sentence`, async () => {
    const started = startProcess(program, [], {});
    assert.equal(await started.ended(), 1);
    assert.match(started.output(), /^darkroom: DATABASE_URL is not set\. Example: postgres:/m);
  });

  it(`${program} waits for a database that is not there yet`, async (t) => {
    const database = await openDatabase();
    t.after(() => database.close());
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
      DARKROOM_DATA_DIR: `/tmp/darkroom-${process.pid}`,
      SD_API_URLS: 'http://127.0.0.1:1',
      PORT: '0',
    });
    t.after(() => endProcess(started));
    await started.says('Waiting for the database');
    const { connect } = await import('node:net');
    const proxy = createServer((client) => {
      const server = connect(Number(behind.port), behind.hostname);
      client.pipe(server).pipe(client);
      client.on('error', () => server.destroy());
      server.on('error', () => client.destroy());
    });
    proxy.listen(port, '127.0.0.1');
    t.after(() => proxy.close());
    await started.says(program.includes('main') ? 'Listening' : 'Serving');
    started.kill('SIGTERM');
    assert.equal(await started.ended(), 0);
  });
}

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

  it('lets the running picture end, then exits 0; each queue has its own worker', async (t) => {
    const darkroom = await startDarkroom(engine, { workers: false, sketch: { stepMs: 100 } });
    t.after(() => darkroom.close());
    const worker = start(darkroom, ['--queues', 'high_priority']);
    t.after(() => endProcess(worker));
    await worker.says('Serving high_priority');
    const id = await darkroom.generate({ prompt: 'x', width: 64, height: 64, steps: 20 });
    await eventually('it draws', () => darkroom.sketch.state().active !== null);
    worker.kill('SIGTERM');
    assert.equal(await worker.ended(), 0);
    const status = await darkroom.status(id);
    assert.equal(status.status, 'SUCCESS');
    assert.equal(status.attempt, 1);
    const uploader = start(darkroom, ['--queues', 'normal_priority']);
    t.after(() => endProcess(uploader));
    await eventually('the picture is stored', async () => {
      return (await darkroom.database.query('SELECT FROM image_spool')).length === 0;
    });
    uploader.kill('SIGTERM');
    await uploader.ended();
    await assertSound(darkroom);
  });

  it('hands back what does not end within the grace, and stops it on the card', async (t) => {
    const darkroom = await startDarkroom(engine, { workers: false, sketch: { stepMs: 1_000 } });
    t.after(() => darkroom.close());
    const worker = start(darkroom, [], { SHUTDOWN_GRACE_SECONDS: '0' });
    t.after(() => endProcess(worker));
    await worker.says('Serving');
    const id = await darkroom.generate({ prompt: 'x', width: 64, height: 64, steps: 100 });
    await eventually('it draws', () => darkroom.sketch.state().active !== null);
    worker.kill('SIGTERM');
    assert.equal(await worker.ended(), 0);
    assert.equal((await darkroom.status(id)).status, 'PENDING');
    await eventually('the card is free', () => darkroom.sketch.state().active === null);
  });
});
