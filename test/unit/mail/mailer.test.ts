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

const plain: Mail = {
  messageId: '<one@example.com>',
  to: 'ann@example.com',
  subject: 'Hello',
  text: 'x',
};

async function written(mail: Mail) {
  const mailer = new Mailer({
    smtpUrl: undefined,
    mailFrom: 'darkroom@example.com',
    dataDir,
    isChild: false,
  });
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

it('a mail goes to one address, and to nothing else that looks like it (security 28)', async () => {
  const others = [
    'ann@example.com\r\nX-Other: 1',
    'ann@example.com, bob@example.com',
    'Ann <ann@example.com>',
    'ann@example.com>\r\nRCPT TO:<bob@example.com',
    '',
  ];
  for (const to of others) await expect(written({ ...plain, to })).rejects.toThrow('no address');
});

it('a mail says that no human has written it, and which click ends its kind', async () => {
  const { headers } = await written({ ...plain, unsubscribeUrl: 'https://x.example/?token=1' });
  const valueOf = (name: string) => headers.find(({ key }) => key === name)?.value;
  expect(valueOf('auto-submitted')).toBe('auto-generated');
  expect(valueOf('list-unsubscribe')).toBe('<https://x.example/?token=1>');
  expect(valueOf('list-unsubscribe-post')).toBe('List-Unsubscribe=One-Click');
  expect(valueOf('message-id')).toBe('<one@example.com>');
  expect(Date.parse(valueOf('date')!)).toBeGreaterThan(0);
});

it('a mail has no file and no URL in it, even where nodemailer would read one (security 28)', async () => {
  for (const text of [{ path: '/etc/hostname' }, { href: 'http://127.0.0.1:9/' }]) {
    await expect(written({ ...plain, text: text as never })).rejects.toThrow(/access rejected/i);
  }
});
