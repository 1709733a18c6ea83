import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

/** All global addresses of IPv6 begin with 001; the rest is for special use, or is not given out yet. */
const globalV6 = ipaddr.parseCIDR('2000::/3');

/**
 * Whether an address belongs to the internet: not private, loopback, link-local, shared by a provider, multicast,
 * reserved or an example, and not an IPv4 address in the clothes of an IPv6 one (mapped, NAT64, 6to4, Teredo).
 */
export function isPublicAddress(address: string): boolean {
  if (isIP(address) === 0 || address.includes('%')) return false;
  const parsed = ipaddr.parse(address);
  if (parsed.range() !== 'unicast') return false;
  return parsed.kind() === 'ipv4' || parsed.match(globalV6);
}

/** Whether an address lies in a block: `10.0.0.0/8`, or one address. */
export function isInBlock(address: string, block: string): boolean {
  const parsed = ipaddr.parse(address);
  const [base, bits] = ipaddr.parseCIDR(
    block.includes('/') ? block : `${block}/${isIP(block) === 4 ? 32 : 128}`,
  );
  return parsed.kind() === base.kind() && parsed.match(base, bits);
}
