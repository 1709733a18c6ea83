import { expect, it } from '@jest/globals';
import { v7 as uuidv7 } from 'uuid';
import { saveChatHistoryTask } from '../../src/features/chat-history/chat-history.tasks.js';
import { TaskClient } from '../../src/tasks/sending/task-client.js';
import { atTestEnd } from '../support/at-test-end.js';
import { startDarkroom } from '../support/darkroom.js';
import { onBothQueueEngines } from '../support/on-both-queue-engines.js';
import { startWorkerOf } from '../support/worker-of.js';

onBothQueueEngines('kill -9 of a worker', (engine) => {
  it.each(['saving', 'committed'])('saves the message once when it is %s', async (phase) => {
    const darkroom = await startDarkroom(engine, { workers: false });
    atTestEnd(() => darkroom.close());
    const [owner] = await darkroom.database.query<{ id: string }[]>(`SELECT id FROM users LIMIT 1`);
    const message = { chat_id: 'c', user_message: uuidv7() };
    const sent = await darkroom.app
      .get(TaskClient)
      .send(darkroom.database.manager, saveChatHistoryTask, message, { ownerId: owner!.id });
    const doomed = startWorkerOf(darkroom, 'test/support/doomed-worker.js', { DIE_WHEN: phase });
    expect(await doomed.ended()).toBe('SIGKILL');

    darkroom.startWorkers();
    await sent.get({ timeoutMs: 60_000 });
    const saved = await darkroom.database.query(`SELECT task_id, user_message FROM chat_messages`);
    expect(saved).toEqual([{ task_id: sent.id, user_message: message.user_message }]);
  });
});
