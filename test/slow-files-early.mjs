import { readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const { default: Sequencer } = createRequire(import.meta.url)('@jest/test-sequencer');

const isSlow = ({ context }) => ['faults', 'e2e'].includes(context.config.displayName.name);

/** Bytes of a test file; of a group (grouped-files.ts), of the files that it imports. */
function sizeOf({ path }) {
  if (!path.includes('/groups/')) return statSync(path).size;
  const imported = readFileSync(path, 'utf8').matchAll(/^import "(.+)";$/gm);
  return [...imported].reduce((sum, [, file]) => sum + statSync(join(dirname(path), file)).size, 0);
}

/**
 * Slow files early, since one that starts last keeps everything waiting; every other one, since they start many
 * processes.
 */
export default class SlowFilesEarly extends Sequencer {
  sort(tests) {
    const bySize = tests
      .map((test) => ({ test, size: sizeOf(test) }))
      .toSorted((one, other) => other.size - one.size)
      .map(({ test }) => test);
    const slow = bySize.filter(isSlow);
    const others = bySize.filter((test) => !isSlow(test));
    return others
      .flatMap((test, index) => [...slow.slice(index, index + 1), test])
      .concat(slow.slice(others.length));
  }
}
