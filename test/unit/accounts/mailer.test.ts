import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import PostalMime from 'postal-mime';
import { Mailer, type Mail } from '../../../src/features/email/mailer.js';

let dataDir: string;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'darkroom-mailer-'));
});
afterEach(() => rm(dataDir, { recursive: true, force: true }));

const plain: Mail = { id: 'one', to: 'ann@example.com', subject: 'Hello', text: 'x' };

async function written(mail: Mail) {
  const mailer = new Mailer({ smtpUrl: undefined, mailFrom: 'darkroom@example.com', dataDir });
  await mailer.send(mail);
  const folder = join(dataDir, 'mail');
  const [file] = await readdir(folder);
  return PostalMime.parse(await readFile(join(folder, file!)));
}

it('a line break in a mail’s subject begins no other header (security 28)', async () => {
  const subject = 'Hello\r\nBcc: bob@example.com\nX-Other: 1';
  const { headers, bcc } = await written({ ...plain, subject });
  expect(bcc).toBe(undefined);
  expect(headers.map(({ key }) => key)).not.toContain('x-other');
});

it('a line break in an address begins no other header (security 28)', async () => {
  const to = 'ann@example.com\r\nX-Other: 1';
  const { headers, bcc } = await written({ ...plain, to });
  expect(bcc).toBe(undefined);
  expect(headers.map(({ key }) => key)).not.toContain('x-other');
});

it('a mail has no file and no URL in it, even where nodemailer would read one (security 28)', async () => {
  for (const text of [{ path: '/etc/hostname' }, { href: 'http://127.0.0.1:9/' }]) {
    await expect(written({ ...plain, text: text as never })).rejects.toThrow(/access rejected/i);
  }
});
