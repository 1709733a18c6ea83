import { domainToASCII } from 'node:url';
import { z } from 'zod';
import { isStorable } from '../../common/storable-text.js';

/**
 * One address, in lower case: `Ann@Example.com` is `ann@example.com`. No name, no list, no line break. A domain in
 * another script is written as mail servers know it: `ann@xn--e1afmkfd.xn--p1ai`.
 */
export const emailAddress = z
  .string()
  .trim()
  .max(254)
  .refine(isStorable, 'contains a NUL or a broken character')
  .toLowerCase()
  .transform(withAsciiDomain)
  .refine(isAddress, 'is not an e-mail address');

const plainAddress = z.email();

/** zod knows no top-level domain in another script. */
function isAddress(address: string): boolean {
  const ending = /\.xn--[a-z\d-]{1,59}$/;
  return address.length <= 254 && plainAddress.safeParse(address.replace(ending, '.test')).success;
}

function withAsciiDomain(address: string): string {
  const at = address.lastIndexOf('@');
  const domain = address.slice(at + 1);
  // What is ASCII already stays: the function would repair some of what is no domain.
  if (at < 1 || !/[^\p{ASCII}]/u.test(domain)) return address;
  return `${address.slice(0, at)}@${domainToASCII(domain)}`;
}
