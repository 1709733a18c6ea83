import { expect, it } from '@jest/globals';
import { ApiKeys } from '../../src/features/auth/api-keys.js';
import { AuthService } from '../../src/features/auth/auth.service.js';
import { about } from '../support/about.js';
import { creditBook } from '../support/credits.js';
import { startDarkroom, type TestDarkroom } from '../support/darkroom.js';
import { eventually } from '../support/eventually.js';
import { onBothQueueEngines } from '../support/on-both-queue-engines.js';

const small = { prompt: 'a lighthouse', width: 64, height: 64, steps: 1 };

async function person(darkroom: TestDarkroom, name: string) {
  const { id } = await darkroom.app.get(AuthService).createUser(name, 'user');
  await darkroom.database.query(`UPDATE users SET plan = 'unlimited' WHERE id = $1`, [id]);
  const { key } = await darkroom.app.get(ApiKeys).create(id);
  const post = async (body: object = {}) => {
    const answer = await darkroom.request('/api/v1/generate-image', {
      method: 'POST',
      key,
      body: JSON.stringify({ ...small, ...body }),
      headers: { 'content-type': 'application/json' },
    });
    return ((await answer.json()) as { task_id: string }).task_id;
  };
  return { id, post };
}

onBothQueueEngines('pictures of many users', (engine) => {
  it('a user who queues hundreds delays the first of another by no more than a few', async () => {
    const darkroom = await startDarkroom(engine, { workers: false });
    const [ann, bob] = [await person(darkroom, 'ann'), await person(darkroom, 'bob')];
    try {
      await Promise.all(Array.from({ length: 400 }, () => ann.post()));
      darkroom.startWorkers();
      const started = async (): Promise<number> => {
        const [{ n }] = await darkroom.database.query(
          `SELECT count(*)::int AS n FROM tasks WHERE owner_id = $1 AND name = 'generate_image_task'
              AND started_at IS NOT NULL`,
          [ann.id],
        );
        return n as number;
      };
      await eventually('Ann’s are being made', async () => (await started()) > 10);
      const task = await bob.post();
      await eventually('Bob’s picture is made', async () => {
        const [row] = await darkroom.database.query('SELECT state FROM tasks WHERE id = $1', [
          task,
        ]);
        return row.state === 'SUCCESS';
      });
      const [{ n }] = await darkroom.database.query(
        `SELECT count(*)::int AS n FROM tasks ann JOIN tasks bob ON bob.id = $2
          WHERE ann.owner_id = $1 AND ann.name = bob.name
            AND ann.started_at BETWEEN bob.created_at AND bob.started_at`,
        [ann.id, task],
      );
      about(n, () => expect(n).toBeLessThanOrEqual(4));
      expect(await started()).toBeLessThan(400);
      await creditBook(darkroom.app).isRight();
    } finally {
      await darkroom.close();
    }
  });
});
