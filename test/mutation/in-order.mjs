import { createRequire } from 'node:module';

const { default: Sequencer } = createRequire(import.meta.url)('@jest/test-sequencer');

const placeOf = ({ path }) => process.argv.indexOf(path);

/** In the order of the command line. */
export default class InOrder extends Sequencer {
  sort(files) {
    return [...files].toSorted((a, b) => placeOf(a) - placeOf(b));
  }
}
