import { describe, expect, it } from '@jest/globals';
import { createLogger } from '../../../src/infrastructure/http/logger.js';
import { about } from '../../support/about.js';
import { captureLog } from '../../support/log-capture.js';
import { startProcess } from '../../support/processes.js';

/** Hides a line, fakes one, and says the same in eight bits. */
const nasty = 'x\u001b[2K\r\u0000\u009b1A\u0007\n[Darkroom] 1 - 2026 ERROR fake';
// oxlint-disable-next-line no-control-regex -- they are what it looks for
const control = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/;

function written(format: 'json' | 'pretty'): string {
  const capture = captureLog();
  try {
    const log = createLogger({ logLevel: 'debug', logFormat: format });
    log.log(nasty, 'Test');
    log.warn(nasty, 'Test');
    log.debug(nasty, 'Test');
    log.error(nasty, `Error: ${nasty}\n    at here`, 'Test');
    log.log({ nested: nasty }, 'Test');
  } finally {
    capture.stop();
  }
  return capture.text();
}

describe('the log', () => {
  it('has one JSON object in each line, and no control character (security 31)', () => {
    const text = written('json');
    expect(text).not.toMatch(control);
    const lines = text.trimEnd().split('\n');
    expect(lines.length).toBe(5);
    for (const line of lines) {
      const object = JSON.parse(line) as Record<string, unknown>;
      expect(Object.keys(object)).toEqual(
        expect.arrayContaining(['level', 'timestamp', 'message', 'context']),
      );
      about(line, () => expect(JSON.stringify(object)).toContain('fake'));
    }
  });

  it('has no control character when people read it, and no line that is not its own (security 31)', () => {
    const text = written('pretty');
    expect(text).not.toMatch(control);
    const lines = text.split('\n').filter((line) => line.startsWith('[Darkroom]'));
    expect(lines.length).toBe(5);
    expect(lines.filter((line) => / ERROR fake/.test(line))).toEqual([]);
  });

  for (const how of ['thrown', 'rejected']) {
    it(`has an error that nobody caught, ${how}, and the process ends (security 46)`, async () => {
      const program = startProcess('test/support/uncaught-program.js', [how], {});
      expect(await program.ended()).toBe(1);
      const [line, ...others] = program.output().trimEnd().split('\n');
      expect(others).toEqual([]);
      const { level, message, stack } = JSON.parse(line!) as Record<string, string>;
      expect([level, message]).toEqual(['error', 'Nobody has caught this: a\u001b[2Jbug']);
      expect(stack).toMatch(/uncaught-program/);
    });
  }
});
