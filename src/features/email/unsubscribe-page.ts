import { pageStyle, sourceDigest } from '../auth/page-style.js';
import type { Language } from './languages.js';
import type { MailCategory } from './mail-templates.js';

interface Words {
  title: string;
  question: string;
  button: string;
  wrong: string;
  done: Record<MailCategory, string>;
}

const words: Record<Language, Words> = {
  en: {
    title: 'Your mails',
    question: 'Do you want no more mails of this kind? Mails about your account itself stay.',
    button: 'No more of these',
    wrong: 'This link is damaged. Open it from the mail again.',
    done: {
      pictures: 'You get no more mails about your pictures.',
      credits: 'You get no more mails about your credits.',
    },
  },
  ru: {
    title: 'Ваши письма',
    question:
      'Больше не присылать таких писем? Письма о самой учётной записи будут приходить и дальше.',
    button: 'Больше не присылать',
    wrong: 'Ссылка повреждена. Откройте её из письма ещё раз.',
    done: {
      pictures: 'Письма об изображениях больше приходить не будут.',
      credits: 'Письма о кредитах больше приходить не будут.',
    },
  },
};

/** Allows this style sheet, and the form to come back. */
export const unsubscribePagePolicy = `default-src 'none'; style-src ${sourceDigest(pageStyle)}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`;

/** Asks first: programs that look at the links of a mail must not switch anything off. The form is posted to the page's own address. */
export function questionPage(language: Language): string {
  const { question, button } = words[language];
  return page(language, `<form method="post"><p>${question}</p><button>${button}</button></form>`);
}

export function donePage(language: Language, category: MailCategory): string {
  return page(language, `<p role="status">${words[language].done[category]}</p>`);
}

export function wrongPage(language: Language): string {
  return page(language, `<p class="error" role="alert">${words[language].wrong}</p>`);
}

function page(language: Language, content: string): string {
  return `<!doctype html>
<html lang="${language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<meta name="referrer" content="same-origin">
<title>${words[language].title} · Darkroom</title>
<style>${pageStyle}</style>
</head>
<body>
<main>
<h1>Darkroom</h1>
${content}
</main>
</body>
</html>
`;
}
