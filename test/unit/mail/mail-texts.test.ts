import { readdirSync } from 'node:fs';
import { expect, it } from '@jest/globals';
import { about } from '../../support/about.js';
import { emailAddress } from '../../../src/features/email/email-address.js';
import { acceptedLanguage, LANGUAGES } from '../../../src/features/email/languages.js';
import { renderMail } from '../../../src/features/email/mail-renderer.js';
import { sampleMail } from '../../../src/features/email/mail-samples.js';
import { MAIL_TEMPLATES, mailTemplates } from '../../../src/features/email/mail-templates.js';
import { messageIdOf } from '../../../src/features/email/message-id.js';

const all = LANGUAGES.flatMap((language) =>
  MAIL_TEMPLATES.map((template) => ({
    name: `${template} (${language})`,
    language,
    template,
    mail: sampleMail(template, language),
  })),
);

it('each mail has a subject, a text and an HTML page, in each language', () => {
  for (const { name, language, mail } of all) {
    about(name, () => {
      expect(mail.subject).toMatch(/^\S[^\n]{5,60}$/);
      expect(mail.text.length).toBeGreaterThan(60);
      expect(mail.html).toMatch(`<html lang="${language}">`);
      expect(mail.html).toContain(`<title>${mail.subject}</title>`);
      expect(/[а-я]{3}/.test(mail.subject + mail.text)).toBe(language === 'ru');
      expect(mail.text).not.toMatch(/\{\{|<\/?(p|a|br|div)\b|&\w+;/);
    });
  }
});

it('each file of a template is in use', () => {
  for (const language of LANGUAGES) {
    const files = readdirSync(`src/features/email/templates/${language}`);
    const wanted = [...MAIL_TEMPLATES, 'footer'].flatMap((one) => [`${one}.html`, `${one}.txt`]);
    expect(files.toSorted()).toEqual(wanted.toSorted());
  }
});

it('a mail loads nothing from anywhere, and has one button at most', () => {
  for (const { name, mail } of all) {
    about(name, () => {
      expect(mail.html).not.toMatch(
        /<(img|script|link|iframe|form|table)\b|url\(|@import|@font-face/i,
      );
      expect(mail.html.split('class="button"').length).toBeLessThanOrEqual(2);
    });
  }
});

it('the link of a mail is in its text and on its button', () => {
  for (const template of MAIL_TEMPLATES) {
    const values = { prompt: 'p', reason: 'r', balance: 1 };
    const link = 'https://darkroom.example/here#x_1-2.3';
    const { text, html } = renderMail(template, 'en', {
      home: 'https://h.example',
      link,
      ...values,
    });
    const hasButton = html.includes('class="button"');
    const informs = ['picture_failed', 'picture_refused', 'credits_low'].includes(template);
    about(template, () => expect(text.includes(link)).toBe(hasButton && !informs));
    if (hasButton) expect(html).toContain(`href="${link}"`);
  }
});

it('what users wrote is text in a mail, whatever it looks like (security 29)', () => {
  const evil = `</p><script>alert(1)</script><img src=x onerror=y> "' {{home}} {{{link}}} & é`;
  const view = { home: 'https://h.example', link: 'https://l.example' };
  for (const language of LANGUAGES) {
    for (const template of ['picture_ready', 'picture_failed', 'picture_refused'] as const) {
      const { html, text } = renderMail(template, language, {
        ...view,
        prompt: evil,
        reason: evil,
      });
      expect(html).not.toMatch(/<script|<img|onerror=y>/);
      expect(html).toContain('&lt;script&gt;');
      expect(html).toContain('{{home}}');
      expect(text).toContain(evil);
    }
  }
});

it('a value that a file misspells is an error', () => {
  const view = { home: 'https://h.example', link: 'https://l.example' };
  expect(() => renderMail('picture_ready', 'en', view)).toThrow(/prompt/);
});

it('quotes of users are cut, on one line', () => {
  const { values } = mailTemplates.picture_ready;
  const image_id = '0198c2f0-5b1e-7c3a-9f00-2d1e8a7b6c54';
  const quoted = (prompt: string) => values.parse({ image_id, prompt }).prompt;
  expect(quoted(' a\r\nb\tc ')).toBe('a b c');
  expect(quoted('x'.repeat(200))).toBe('x'.repeat(200));
  expect(quoted('🌅'.repeat(300))).toBe(`${'🌅'.repeat(199)}…`);
  for (const bad of ['a\u0000b', '\ud800']) expect(() => quoted(bad)).toThrow();
});

it('Accept-Language chooses the language that is liked best', () => {
  const wanted: [string | undefined, string | undefined][] = [
    ['ru', 'ru'],
    ['ru-RU,ru;q=0.9,en;q=0.8', 'ru'],
    ['de-DE,en;q=0.5,ru;q=0.7', 'ru'],
    ['EN-gb', 'en'],
    ['de,fr', undefined],
    ['ru;q=0,en;q=0.1', 'en'],
    ['*', undefined],
    ['ru;q=x', undefined],
    [';;,,;q=', undefined],
    [undefined, undefined],
  ];
  for (const [header, language] of wanted) {
    about(String(header), () => expect(acceptedLanguage(header)).toBe(language));
  }
});

it('an address has a domain as mail servers know it, and no more than one @ or word', () => {
  expect(emailAddress.parse(' Ann@Example.COM ')).toBe('ann@example.com');
  expect(emailAddress.parse('ann@Пример.рф')).toBe('ann@xn--e1afmkfd.xn--p1ai');
  const wrong = ['анна@example.com', 'a@b@Пример.рф', 'a@Пример.рф,b', 'a@пример .рф', 'a@#.рф'];
  for (const bad of wrong) {
    about(bad, () => expect(emailAddress.safeParse(bad).success).toBe(false));
  }
});

it('a Message-ID has the domain of the sender', () => {
  expect(messageIdOf('1', 'Darkroom <no-reply@Mail.example.com>')).toBe('<1@mail.example.com>');
  expect(messageIdOf('1', 'no-reply@example.com')).toBe('<1@example.com>');
  expect(messageIdOf('1', 'Darkroom <darkroom@localhost>')).toBe('<1@darkroom>');
});
