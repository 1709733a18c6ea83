import { createRequire } from 'node:module';

const { default: Sequencer } = createRequire(import.meta.url)('@jest/test-sequencer');

const isSlow = ({ context }) => ['faults', 'e2e'].includes(context.config.displayName.name);

/**
 * Slow files early, since one that starts last keeps everything waiting; every other one, since they start many
 * processes.
 */
export default class SlowFilesEarly extends Sequencer {
  sort(tests) {
    const bySize = super.sort([...tests]);
    const slow = bySize.filter(isSlow);
    const others = bySize.filter((test) => !isSlow(test));
    return others
      .flatMap((test, index) => [...slow.slice(index, index + 1), test])
      .concat(slow.slice(others.length));
  }
}
