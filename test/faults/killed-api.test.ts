import { expect, it } from '@jest/globals';
import { addNumbersTask } from '../../src/features/calculate/calculate.tasks.js';
import { ApiKeys } from '../../src/features/auth/api-keys.js';
import { AuthService } from '../../src/features/auth/auth.service.js';
import { TaskClient } from '../../src/tasks/sending/task-client.js';
import { atTestEnd } from '../support/at-test-end.js';
import { startDarkroom } from '../support/darkroom.js';
import { listen } from '../support/event-source.js';
import { eventually } from '../support/eventually.js';
import { onBothQueueEngines } from '../support/on-both-queue-engines.js';
import { startWorkerOf } from '../support/worker-of.js';

const tasksAtOnce = 40;

onBothQueueEngines('kill -9 of an API process', (engine) => {
  it('costs its listeners no event when they come back elsewhere, and none comes twice', async () => {
    const darkroom = await startDarkroom(engine);
    atTestEnd(() => darkroom.close());
    const { id: ownerId } = await darkroom.app.get(AuthService).createUser('ann', 'user');
    const { key } = await darkroom.app.get(ApiKeys).create(ownerId);
    const doomed = startWorkerOf(darkroom, 'src/main.js', { PORT: '0' });
    await doomed.says(/http:\/\/127\.0\.0\.1:\d+/);
    const [url] = /http:\/\/127\.0\.0\.1:\d+/.exec(doomed.output())!;
    const path = '/api/v1/tasks/stream';
    const streams = await Promise.all(
      Array.from({ length: 5 }, () => listen(`${url}${path}`, { key })),
    );
    for (const { answer } of streams) expect(answer.status).toBe(200);

    const tasks = darkroom.app.get(TaskClient);
    const send = () =>
      tasks.send(darkroom.database.manager, addNumbersTask, { x: 1, y: 1 }, { ownerId });
    // Begins before all others, and commits after the kill.
    const slow = darkroom.database.createQueryRunner();
    await slow.startTransaction();
    await tasks.send(slow.manager, addNumbersTask, { x: 1, y: 1 }, { ownerId });
    const sending = Promise.all(Array.from({ length: tasksAtOnce }, send));
    await eventually('some have heard', () => streams.every(({ heard }) => heard.length > 20));
    doomed.kill('SIGKILL');
    await doomed.ended();
    await sending;
    await slow.commitTransaction();
    await slow.release();

    const history = await eventually('all tasks have ended', async () => {
      const rows = await darkroom.database.query(
        `SELECT task_id, type FROM task_history WHERE owner_id = $1`,
        [ownerId],
      );
      return rows.length === (tasksAtOnce + 1) * 3 && rows;
    });
    const names = (rows: { task_id: string; type: string }[]) =>
      rows.map(({ task_id, type }) => `${task_id} ${type}`).toSorted();
    for (const stream of streams) {
      await stream.ended();
      const back = await listen(darkroom.url + path, { key, lastId: stream.lastId() });
      await back.hears(history.length - stream.heard.length);
      back.hangUp();
      const heard = [...stream.heard, ...back.heard].map(({ event, data }) => ({
        task_id: data.task_id,
        type: event,
      }));
      expect(names(heard)).toEqual(names(history));
    }
  });
});
