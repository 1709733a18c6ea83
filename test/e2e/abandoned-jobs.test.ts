import { expect, it } from '@jest/globals';
import { TaskClient } from '../../src/tasks/sending/task-client.js';
import { atTestEnd } from '../support/at-test-end.js';
import { startDarkroom } from '../support/darkroom.js';
import { eventually } from '../support/eventually.js';

for (const workerPool of ['inline', 'processes'] as const) {
  it(`revoked jobs do not pile up on a server that cannot stop them (pool ${workerPool})`, async () => {
    const darkroom = await startDarkroom('postgres', {
      settings: { workerPool, workerConcurrency: 1, engineRequestsInFlight: 1 },
      sketch: { mode: 'sd-server', stepMs: 600 },
    });
    atTestEnd(() => darkroom.close());
    const { sketch } = darkroom;
    const body = { prompt: 'a lighthouse', width: 64, height: 64, steps: 6 };
    for (let n = 1; n <= 3; n++) {
      const id = await darkroom.generate({ ...body, prompt: `revoked ${n}` });
      await eventually(`job ${n} is drawn`, () => {
        const { jobs } = sketch.state();
        return jobs.length === n && jobs[n - 1]!.outcome === 'running';
      });
      await darkroom.app.get(TaskClient, { strict: false }).revoke(id);
      expect((await darkroom.finished(id)).status).toBe('REVOKED');
    }
    const last = await darkroom.finished(await darkroom.generate({ ...body, steps: 1 }));
    expect([last.status, last.attempt]).toEqual(['SUCCESS', 1]);
    const { jobs, max_in_flight: inFlight } = sketch.state();
    expect(jobs.map(({ outcome }) => outcome)).toEqual(['done', 'done', 'done', 'done']);
    expect(inFlight).toBe(1);
  });
}
