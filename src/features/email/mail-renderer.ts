import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import Handlebars from 'handlebars';
import type { Language } from './languages.js';
import type { MailTemplate } from './mail-templates.js';

export interface RenderedMail {
  subject: string;
  text: string;
  html: string;
}

/** What the files of a template may name. In HTML all of it is escaped. */
export interface MailView {
  /** Where the button leads. */
  link: string;
  /** The address of this Darkroom. */
  home: string;
  unsubscribeUrl?: string;
  [value: string]: unknown;
}

type Fill = (view: object) => string;

/** The text file of a template: `Subject: …`, `Preview: …` (what mail programs show in their lists), a free line, the text. */
interface TextFile {
  subject: Fill;
  preview: Fill;
  body: Fill;
}

const folder = new URL('./templates/', import.meta.url);
const engine = Handlebars.create();
/** Files whose name begins with _ are parts of others. */
for (const name of readdirSync(fileURLToPath(folder)).filter((one) => one.startsWith('_'))) {
  engine.registerPartial(name.slice(1).replace(/\.html$/, ''), sourceOf(name));
}
/** Each file is read once. */
const htmlFiles = new Map<string, Fill>();
const textFiles = new Map<string, TextFile>();

export function renderMail(
  template: MailTemplate,
  language: Language,
  view: MailView,
): RenderedMail {
  const text = textFile(`${language}/${template}.txt`);
  const subject = text.subject(view);
  const all = { unsubscribeUrl: null, ...view };
  return {
    subject,
    text: text.body(view) + textFile(`${language}/footer.txt`).body(all),
    html: htmlFile('layout.html')({
      language,
      subject,
      preview: text.preview(view),
      content: htmlFile(`${language}/${template}.html`)(view),
      footer: htmlFile(`${language}/footer.html`)(all),
    }),
  };
}

/** `strict`: a name that a file misspells is an error, and no empty place. */
function htmlFile(name: string): Fill {
  return madeOnce(htmlFiles, name, () => engine.compile(sourceOf(name), { strict: true }));
}

function textFile(name: string): TextFile {
  return madeOnce(textFiles, name, () => {
    const source = sourceOf(name);
    // Split before anything is filled in: what users wrote may have lines too.
    const [, subject = '', preview = '', body = source] =
      /^Subject: (.+)\nPreview: (.+)\n\n([^]+)$/.exec(source) ?? [];
    const plain = (part: string) => engine.compile(part, { strict: true, noEscape: true });
    return { subject: plain(subject), preview: plain(preview), body: plain(body) };
  });
}

function sourceOf(name: string): string {
  return readFileSync(new URL(name, folder), 'utf8');
}

function madeOnce<T>(kept: Map<string, T>, name: string, make: () => T): T {
  let made = kept.get(name);
  if (made === undefined) kept.set(name, (made = make()));
  return made;
}
