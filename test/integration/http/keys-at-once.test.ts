import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { newKey } from '../../../src/features/auth/secrets.js';
import { AuthService } from '../../../src/features/auth/auth.service.js';
import { startDarkroom, type TestDarkroom } from '../../support/darkroom.js';

/** Keys that are asked for at once share a query; nobody may get another's answer. */
describe('API keys used at once', () => {
  let darkroom: TestDarkroom;
  before(async () => {
    darkroom = await startDarkroom('postgres', { workers: false });
  });
  after(() => darkroom.close());

  it('each open what is theirs, and wrong ones nothing', async () => {
    const auth = darkroom.app.get(AuthService);
    const [ada, bob] = [await darkroom.newUserKey('ada'), await darkroom.newUserKey('bob')];
    // The right prefix with another secret.
    const forged = ada.slice(0, -1) + (ada.endsWith('A') ? 'E' : 'A');
    const keys = [ada, newKey().key, bob, forged, ada, 'no key'];
    const users = await Promise.all(keys.map((key) => auth.findByKey(key)));
    assert.deepEqual(
      users.map((user) => user?.name),
      ['ada', undefined, 'bob', undefined, 'ada', undefined],
    );
  });

  it('are out with their very next request once they are revoked', async () => {
    const auth = darkroom.app.get(AuthService);
    const user = await auth.createUser('eve', 'user');
    const { id, key } = await auth.createApiKey(user.id);
    const stillIn = Promise.all([auth.findByKey(key), auth.findByKey(key)]);
    assert.deepEqual(
      (await stillIn).map((found) => found?.name),
      ['eve', 'eve'],
    );
    await auth.revokeApiKey(id);
    assert.equal(await auth.findByKey(key), undefined);
  });
});
