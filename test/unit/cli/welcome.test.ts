import { describe, expect, it } from '@jest/globals';
import { welcome, type Running } from '../../../src/welcome.js';

const running: Running = {
  url: 'http://127.0.0.1:3000',
  adminKey: 'dk_1_2',
  keyFile: '/data/admin.key',
  postgres: undefined,
  queue: undefined,
  engines: undefined,
  objects: '/data/objects',
  mails: 'files in /data/mail',
};

describe('the welcome of npm start', () => {
  it('shows the admin key', () => {
    const text = welcome(running);
    expect(text).toMatch(/^ {2}Admin key {2}dk_1_2 {2}\(kept in \/data\/admin\.key\)$/m);
    expect(text).toMatch(/^ {2}KEY=dk_1_2$/m);
  });

  it('names the file instead where the key must not be seen', () => {
    const text = welcome({ ...running, adminKey: undefined });
    expect(text).toMatch(/^ {2}Admin key {2}in \/data\/admin\.key$/m);
    expect(text).toMatch(/^ {2}KEY=\$\(cat \/data\/admin\.key\)$/m);
    expect(text).not.toMatch(/dk_/);
  });

  it('writes the file as one word of the shell, from whatever folder', () => {
    const keyFile = `my data/it's/admin.key`;
    const text = welcome({ ...running, adminKey: undefined, keyFile });
    expect(text).toContain(`KEY=$(cat '${process.cwd()}/my data/it'\\''s/admin.key')\n`);
  });
});
