import { afterEach } from '@jest/globals';

const ends: (() => unknown)[] = [];

/** Runs `end` after the test that is running, whether it passes or not; first said, first run. */
export function atTestEnd(end: () => unknown): void {
  ends.push(end);
}

afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});
