import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { LANGUAGES } from '../../../src/features/email/languages.js';
import { sampleMail } from '../../../src/features/email/mail-samples.js';
import { MAIL_TEMPLATES } from '../../../src/features/email/mail-templates.js';
import { warmDarkroom } from '../../support/warm-cli.js';

/** Without any settings: it needs no database. */
describe('mail preview', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'darkroom-preview-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('writes each mail in each language, and a page with all of them', async () => {
    const out = join(folder, 'all', 'of them');
    const { code, stdout, stderr } = await warmDarkroom(['mail', 'preview', '--out', out]);
    expect([code, stderr]).toEqual([0, '']);
    const names = MAIL_TEMPLATES.flatMap((one) =>
      LANGUAGES.map((language) => `${one}.${language}`),
    );
    expect(stdout).toBe(`${names.length} mails written. Open ${join(out, 'index.html')}\n`);
    const files = names.flatMap((name) => [`${name}.html`, `${name}.txt`]);
    expect((await readdir(out)).toSorted()).toEqual([...files, 'index.html'].toSorted());
    const index = await readFile(join(out, 'index.html'), 'utf8');
    for (const template of MAIL_TEMPLATES) {
      for (const language of LANGUAGES) {
        const { subject, text, html } = sampleMail(template, language);
        const name = join(out, `${template}.${language}`);
        expect(await readFile(`${name}.html`, 'utf8')).toBe(html);
        expect(await readFile(`${name}.txt`, 'utf8')).toBe(`Subject: ${subject}\n\n${text}`);
        expect(index).toContain(`<h2>${template}: ${subject}</h2>`);
        expect(index).toContain(`src="${template}.${language}.html"`);
      }
    }
  });

  it('writes one mail in one language, and says so as JSON', async () => {
    const out = join(folder, 'one');
    const args = ['mail', 'preview', 'reset', '--language', 'ru', '--out', out, '--json'];
    const files = ['reset.ru.html', 'reset.ru.txt', 'index.html'];
    expect((await warmDarkroom(args)).json()).toEqual({ folder: out, files });
    expect((await readdir(out)).toSorted()).toEqual(files.toSorted());
    expect(await readFile(join(out, 'reset.ru.txt'), 'utf8')).toMatch(/^Subject: [А-Я]/);
  });

  it('refuses a mail and a language that there are not, and names those that there are', async () => {
    const none = await warmDarkroom(['mail', 'preview', 'greeting', '--out', join(folder, 'none')]);
    expect(none.code).toBe(2);
    expect(none.stderr).toMatch(/no mail "greeting"\. Mails: verify, .*credits_low/);
    const language = await warmDarkroom(['mail', 'preview', '--language', 'fr']);
    expect(language.code).toBe(2);
    expect(language.stderr).toMatch(/en, ru/);
    await expect(readdir(join(folder, 'none'))).rejects.toThrow(/ENOENT/);
  });
});
