import { Inject, Injectable } from '@nestjs/common';
import { SETTINGS, type Settings } from '../../config/config.module.js';
import { EmailLinks } from './email-links.js';
import type { KeptMail } from './kept-mails.js';
import { renderMail, type RenderedMail } from './mail-renderer.js';
import { mailTemplates } from './mail-templates.js';
import { UnsubscribeTokens } from './unsubscribe-tokens.js';

export interface WrittenMail extends RenderedMail {
  unsubscribeUrl?: string;
}

/** Puts a mail of the outbox into words. Links are made here, just before they are sent, and kept nowhere. */
@Injectable()
export class MailWriter {
  constructor(
    private readonly links: EmailLinks,
    private readonly tokens: UnsubscribeTokens,
    @Inject(SETTINGS)
    private readonly settings: Pick<Settings, 'publicOrigin' | 'port' | 'mailPictureUrl'>,
  ) {}

  /** @returns undefined when its link has been used, or has expired */
  async write({ template, language, userId, values }: KeptMail): Promise<WrittenMail | undefined> {
    const home = this.settings.publicOrigin ?? `http://localhost:${this.settings.port}`;
    const link = await this.linkOf(home, values);
    if (link === undefined) return undefined;
    const { category } = mailTemplates[template];
    const unsubscribeUrl =
      category !== null && userId !== null
        ? `${home}/api/v1/mail/unsubscribe?token=${await this.tokens.tokenOf({ userId, category })}`
        : undefined;
    const unsubscribe = unsubscribeUrl !== undefined && { unsubscribeUrl };
    return {
      ...renderMail(template, language, { ...values, ...unsubscribe, home, link }),
      ...unsubscribe,
    };
  }

  /** Where the button of the mail leads. */
  private async linkOf(
    home: string,
    { link_id: linkId, image_id: imageId }: Record<string, unknown>,
  ): Promise<string | undefined> {
    if (typeof linkId === 'string') {
      const purpose = await this.links.openPurpose(linkId);
      if (purpose === undefined) return undefined;
      // The token is behind the #, which browsers send to no server.
      return `${home}/account#${purpose}=${await this.links.tokenOf(purpose, linkId)}`;
    }
    if (typeof imageId !== 'string') return home;
    const page = this.settings.mailPictureUrl ?? `${home}/api/v1/images/{image_id}`;
    return page.replaceAll('{image_id}', imageId);
  }
}
