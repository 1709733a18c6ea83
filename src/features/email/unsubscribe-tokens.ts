import { createHmac, timingSafeEqual } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { ServerSecret } from '../../infrastructure/secret/server-secret.js';
import { MAIL_CATEGORIES, type MailCategory } from './mail-templates.js';

/** What a token switches off. */
export interface Subscription {
  userId: string;
  category: MailCategory;
}

/**
 * Tokens that switch off one kind of mails for one user, and do nothing else. Mail programs send them without asking
 * for a login, years later too: they do not expire.
 */
@Injectable()
export class UnsubscribeTokens {
  constructor(private readonly secret: ServerSecret) {}

  async tokenOf({ userId, category }: Subscription): Promise<string> {
    const named = `${category}.${userId.replaceAll('-', '')}`;
    return `${named}.${await this.signature(named)}`;
  }

  /** @returns undefined when it was not made here */
  async read(token: string): Promise<Subscription | undefined> {
    const [, named, name, hex, signature] =
      /^(([a-z]+)\.([0-9a-f]{32}))\.([\w-]{43})$/.exec(token) ?? [];
    const category = MAIL_CATEGORIES.find((one) => one === name);
    if (category === undefined || hex === undefined || signature === undefined) return undefined;
    const right = await this.signature(named!);
    if (!timingSafeEqual(Buffer.from(signature), Buffer.from(right))) return undefined;
    return { userId: hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'), category };
  }

  private async signature(named: string): Promise<string> {
    const key = await this.secret.keyFor('mail unsubscribe');
    return createHmac('sha256', key).update(named).digest('base64url');
  }
}
