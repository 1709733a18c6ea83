import { describe, expect, it } from '@jest/globals';
import { WriteStream } from 'node:tty';
import { hasColours } from '../../../src/common/colours.js';

/** A terminal with Node's own rules, in an environment of the test. */
function terminal(env: object): NodeJS.WriteStream {
  const getColorDepth = () => WriteStream.prototype.getColorDepth.call({}, env);
  return { isTTY: true, hasColors: () => getColorDepth() > 2 } as unknown as NodeJS.WriteStream;
}

describe('colours', () => {
  it('are for terminals that have them', () => {
    expect(hasColours(terminal({ TERM: 'xterm-256color' }))).toBe(true);
    expect(hasColours(terminal({ TERM: 'dumb' }))).toBe(false);
    expect(hasColours({} as NodeJS.WriteStream)).toBe(false);
  });

  it('are off with NO_COLOR', () => {
    expect(hasColours(terminal({ TERM: 'xterm-256color', NO_COLOR: '1' }))).toBe(false);
  });
});
