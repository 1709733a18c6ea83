import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { pause } from '../../../src/common/deadline.js';
import { forRequest } from '../../../src/infrastructure/database/request-deadline.js';
import { newKey } from '../../../src/features/auth/secrets.js';
import { ApiKeys } from '../../../src/features/auth/api-keys.js';
import { AuthService } from '../../../src/features/auth/auth.service.js';
import { startDarkroom, type TestDarkroom } from '../../support/darkroom.js';

/** Keys that are asked for at once share a query; nobody may get another's answer. */
describe('API keys used at once', () => {
  let darkroom: TestDarkroom;
  beforeAll(async () => {
    darkroom = await startDarkroom('postgres', { workers: false });
  });
  afterAll(() => darkroom.close());

  it('each find their own user, and wrong keys find none', async () => {
    const [ada, bob] = [await darkroom.newUserKey('ada'), await darkroom.newUserKey('bob')];
    // The right prefix with another secret.
    const forged = ada.slice(0, -1) + (ada.endsWith('A') ? 'E' : 'A');
    const keys = [ada, newKey().key, bob, forged, ada, 'no key'];
    const users = await Promise.all(keys.map((key) => darkroom.app.get(ApiKeys).ownerOf(key)));
    expect(users.map((user) => user?.name)).toEqual([
      'ada',
      undefined,
      'bob',
      undefined,
      'ada',
      undefined,
    ]);
  });

  it('stop working with the next request after they are revoked', async () => {
    const auth = darkroom.app.get(AuthService);
    const user = await auth.createUser('eve', 'user');
    const { id, key } = await darkroom.app.get(ApiKeys).create(user.id);
    const stillIn = Promise.all([
      darkroom.app.get(ApiKeys).ownerOf(key),
      darkroom.app.get(ApiKeys).ownerOf(key),
    ]);
    expect((await stillIn).map((found) => found?.name)).toEqual(['eve', 'eve']);
    await darkroom.app.get(ApiKeys).revoke(id);
    expect(await darkroom.app.get(ApiKeys).ownerOf(key)).toBe(undefined);
  });

  it('do not share the time limit of the first request', async () => {
    const key = await darkroom.newUserKey('tom');
    const query = darkroom.database.query.bind(darkroom.database);
    jest
      .spyOn(darkroom.database, 'query')
      .mockImplementation(async (...args: Parameters<typeof query>) => {
        await pause(20);
        return query(...args);
      });
    const asked: Promise<unknown>[] = [];
    // A busy machine may take longer for the first one itself.
    forRequest(
      200,
      () =>
        void darkroom.app
          .get(ApiKeys)
          .ownerOf(key)
          .catch(() => undefined),
    );
    // Without a gap: the next one waits already when one is answered.
    for (let n = 0; n < 40; n++) {
      asked.push(darkroom.app.get(ApiKeys).ownerOf(key));
      await pause(10);
    }
    const users = await Promise.all(asked);
    expect(users.filter(Boolean).length).toBe(asked.length);
  });
});
