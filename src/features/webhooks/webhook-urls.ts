import { isIP } from 'node:net';
import { Inject, Injectable } from '@nestjs/common';
import { z } from 'zod';
import { InvalidFieldsError } from '../../common/app-error.js';
import { SETTINGS, type Settings } from '../../config/config.module.js';
import { isInBlock, isPublicAddress } from './public-address.js';

/** The address of a webhook in a request. {@link WebhookUrls.check} says whether it is allowed here. */
export const webhookUrl = z
  .string()
  .max(2_048)
  .regex(/^https?:\/\/[\x21-\x7e]+$/, 'is not an https:// URL of ASCII characters');

/** Names that mean something else in each network. */
const localName = /(^|\.)(localhost|local|internal|intranet|lan|home|corp|home\.arpa|onion)$/;

/** What an operator allows for webhooks. */
export type WebhookRules = Pick<Settings, 'webhookAllowHttp' | 'webhookAllowedHosts'>;

/** Decides where webhooks may go. */
@Injectable()
export class WebhookUrls {
  constructor(@Inject(SETTINGS) private readonly rules: WebhookRules) {}

  /** @param path of the field @throws InvalidFieldsError */
  check(url: string, path = 'url'): void {
    const message = this.problemOf(url);
    if (message !== undefined) throw new InvalidFieldsError([{ path, message }]);
  }

  /** What is wrong with a URL. Asks no DNS: what a name stands for is checked at each delivery. */
  problemOf(text: string): string | undefined {
    const [, authority] = /^https?:\/\/([^/?#\\]+)/.exec(text) ?? [];
    if (!webhookUrl.safeParse(text).success || authority === undefined || !URL.canParse(text)) {
      return 'is not an https:// URL of ASCII characters';
    }
    const url = new URL(text);
    if (url.protocol === 'http:' && !this.rules.webhookAllowHttp) return 'must begin with https://';
    if (authority.includes('@')) return 'must not contain a user or a password';
    if (/[#\\]/.test(text)) return 'must not contain # or \\';
    return this.hostProblem(url, authority);
  }

  /** Whether the operator has allowed the host, or an address of it, although it is not public. */
  isTrusted(hostname: string): boolean {
    return this.rules.webhookAllowedHosts.some((allowed) => {
      if (isIP(allowed.split('/')[0]!) === 0) return allowed.toLowerCase() === hostname;
      return isIP(hostname) !== 0 && isInBlock(hostname, allowed);
    });
  }

  /** Whether a connection may be made to an address of a host. */
  mayConnect(hostname: string, address: string): boolean {
    return isPublicAddress(address) || this.isTrusted(hostname) || this.isTrusted(address);
  }

  private hostProblem({ hostname, port }: URL, authority: string): string | undefined {
    // 0x7f.1, 2130706433, %31.1.1.1 and LOCALHOST. would each mean another text.
    if (authority.replace(/:\d*$/, '').toLowerCase() !== hostname || hostname.endsWith('.')) {
      return 'spells its host in an unusual way';
    }
    const host = hostname.replace(/^\[|\]$/g, '');
    if (this.isTrusted(host)) return undefined;
    const isPublic =
      isIP(host) === 0 ? host.includes('.') && !localName.test(host) : isPublicAddress(host);
    if (!isPublic) return 'names a host that is not public';
    const usual = port === '' || ['80', '443'].includes(port) || Number(port) >= 1_024;
    return usual ? undefined : 'has a port that is not 80, 443 or at least 1024';
  }
}

/** The host that a URL names, with its port. */
export function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : '';
}
