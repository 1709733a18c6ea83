import { expect, it } from '@jest/globals';
import { hashPassword, passwordMatches } from '../../../src/features/accounts/passwords.js';

it('a hash is argon2id with its own salt, and matches only its password (security 6)', async () => {
  const [one, two] = await Promise.all([
    hashPassword('correct horse'),
    hashPassword('correct horse'),
  ]);
  expect(one).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  expect(one).not.toBe(two);
  expect(await passwordMatches('correct horse', one)).toBe(true);
  expect(await passwordMatches('Correct horse', one)).toBe(false);
});

it('nothing matches a user without a password', async () => {
  for (const kept of [null, undefined]) expect(await passwordMatches('', kept)).toBe(false);
});

it('only so many wait, and the others are told to come back (security 21)', async () => {
  const outcomes = await Promise.allSettled(
    Array.from({ length: 80 }, () => passwordMatches('x', null)),
  );
  const refused = outcomes.filter(({ status }) => status === 'rejected');
  expect(refused.length).toBe(80 - 66);
  expect(await passwordMatches('x', null)).toBe(false);
});
