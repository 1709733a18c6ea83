import { lookup, Resolver } from 'node:dns/promises';
import type { LookupAddress } from 'node:dns';
import { onAbort } from '../../common/deadline.js';

/** Milliseconds for one question, of which there are at most two. */
const options = { timeout: 3_000, tries: 2 };

/** Finds the addresses of hosts. */
export class WebhookDns {
  /** @param servers instead of the machine's: `127.0.0.1:5353` */
  constructor(private readonly servers?: string[]) {}

  /**
   * All addresses of a host. A stranger's name is asked of DNS alone. Unlike the machine's own look-up that can be
   * stopped, takes no thread, and knows no names of this machine.
   *
   * @throws Error when there are none
   */
  async addressesOf(host: string, signal: AbortSignal): Promise<LookupAddress[]> {
    const resolver = new Resolver(options);
    if (this.servers) resolver.setServers(this.servers);
    const forget = onAbort(signal, () => resolver.cancel());
    try {
      const [four, six] = await Promise.allSettled([
        resolver.resolve4(host),
        resolver.resolve6(host),
      ]);
      const found = [...addresses(four, 4), ...addresses(six, 6)];
      if (found.length > 0) return found;
      throw four.status === 'rejected' ? four.reason : new Error('no address');
    } finally {
      forget();
    }
  }

  /** The addresses of a host that the operator trusts, as the machine knows it. */
  trustedAddressesOf(host: string): Promise<LookupAddress[]> {
    return lookup(host, { all: true });
  }
}

function addresses(answer: PromiseSettledResult<string[]>, family: 4 | 6): LookupAddress[] {
  if (answer.status === 'rejected') return [];
  return answer.value.map((address) => ({ address, family }));
}
