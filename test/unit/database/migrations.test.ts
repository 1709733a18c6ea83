import { readdir } from 'node:fs/promises';
import { expect, it } from '@jest/globals';
import { migrations } from '../../../src/migrations.js';

it('the list has every migration of every folder once, oldest first', async () => {
  const files = await readdir('src', { recursive: true });
  const timestamps = files
    .map((file) => /migrations\/(\d{13})-[^/]+\.ts$/.exec(file)?.[1])
    .filter((timestamp) => timestamp !== undefined)
    .toSorted();
  const listed = migrations.map(({ name }) => name.slice(-13));
  expect(timestamps).not.toHaveLength(0);
  expect(listed).toEqual(timestamps);
});
