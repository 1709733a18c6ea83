import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Option, type Command } from 'commander';
import type { Language } from '../../features/email/languages.js';
import type { MailTemplate } from '../../features/email/mail-templates.js';
import { answers, command, group, type Answer } from '../command.js';
import { usageError } from '../exit.js';

interface Options {
  language?: Language;
  out: string;
}

/** For those who change the templates of mails. */
export function mailCommands(program: Command): void {
  const mail = group(program, 'mail', 'Look at the mails that Darkroom sends.');
  command(mail, 'preview [template]', {
    description: 'Write mails with made-up values as files, and a page that lists them.',
    examples: [
      ['mail preview', 'all of them, in all languages'],
      ['mail preview reset --language ru', 'one of them'],
    ],
    notes: 'It needs no database. Open index.html of the folder in a browser.',
  })
    .addOption(new Option('--language <language>', 'only in this one').choices(['en', 'ru']))
    .option('--out <folder>', 'where to', '.darkroom/mail-preview')
    .action(answers(preview));
}

async function preview(template: string | undefined, options: Options): Promise<Answer> {
  const { MAIL_TEMPLATES } = await import('../../features/email/mail-templates.js');
  const { LANGUAGES } = await import('../../features/email/languages.js');
  const { sampleMail } = await import('../../features/email/mail-samples.js');
  const templates = MAIL_TEMPLATES.filter((one) => template === undefined || one === template);
  if (templates.length === 0) {
    throw usageError(`There is no mail "${template}". Mails: ${MAIL_TEMPLATES.join(', ')}.`);
  }
  const languages = options.language === undefined ? LANGUAGES : [options.language];
  await mkdir(options.out, { recursive: true });
  const files: string[] = [];
  const write = async (name: string, content: string) => {
    await writeFile(join(options.out, name), content);
    files.push(name);
  };
  const list: string[] = [];
  for (const one of templates) {
    for (const language of languages) {
      const { subject, text, html } = sampleMail(one, language);
      const name = `${one}.${language}`;
      await write(`${name}.html`, html);
      await write(`${name}.txt`, `Subject: ${subject}\n\n${text}`);
      list.push(entryOf(one, name, subject));
    }
  }
  await write('index.html', indexOf(list));
  const index = resolve(options.out, 'index.html');
  return {
    json: { folder: resolve(options.out), files },
    text: `${list.length} ${list.length === 1 ? 'mail' : 'mails'} written. Open ${index}`,
  };
}

/** The subjects of samples have nothing that needs escaping. */
function entryOf(template: MailTemplate, name: string, subject: string): string {
  return `<section>
<h2>${template}: ${subject}</h2>
<p><a href="${name}.html">HTML</a> · <a href="${name}.txt">text</a></p>
<iframe src="${name}.html" title="${name}"></iframe>
</section>`;
}

function indexOf(list: string[]): string {
  return `<!doctype html>
<meta charset="utf-8">
<title>Mails of Darkroom</title>
<style>
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }
body { display: grid; grid-template-columns: repeat(auto-fill, minmax(26rem, 1fr)); gap: 1.5rem; margin: 1.5rem; }
h2 { font-size: 1rem; }
iframe { width: 100%; height: 34rem; border: 1px solid gray; border-radius: 8px; }
</style>
${list.join('\n')}
`;
}
