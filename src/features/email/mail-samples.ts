import type { Language } from './languages.js';
import { renderMail, type RenderedMail } from './mail-renderer.js';
import { mailTemplates, type MailTemplate } from './mail-templates.js';

const home = 'https://darkroom.example';
const link = `${home}/account#verify=0198c2f05b1e7c3a9f002d1e8a7b6c54.Zx3k0Vq1T7bqg4n5h2l0m8s6d1f3a9c7e5w2y4u6i8o`;
const picture = `${home}/api/v1/images/0198c2f0-5b1e-7c3a-9f00-2d1e8a7b6c54`;
const prompt = 'a lighthouse at dusk, storm clouds, <oil on canvas>, “wide & low”';

const samples: Partial<Record<MailTemplate, Record<string, unknown>>> = {
  verify: { link },
  reset: { link: link.replace('verify', 'reset') },
  picture_ready: { prompt, link: picture },
  picture_failed: { prompt, reason: 'No Stable Diffusion server could be reached.' },
  picture_refused: { prompt, reason: 'This costs 4 credits, and you have 3.' },
  credits_low: { balance: 3 },
};

/** A mail with made-up values, to look at. */
export function sampleMail(template: MailTemplate, language: Language): RenderedMail {
  const hasCategory = mailTemplates[template].category !== null;
  return renderMail(template, language, {
    home,
    link: home,
    ...samples[template],
    ...(hasCategory && { unsubscribeUrl: `${home}/api/v1/mail/unsubscribe?token=…` }),
  });
}
