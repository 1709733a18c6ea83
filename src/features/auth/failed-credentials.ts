import { Injectable, Logger } from '@nestjs/common';

const allowed = 20;
const windowMs = 60_000;
const maxAddresses = 10_000;

interface Failures {
  count: number;
  until: number;
}

/** Counts wrong credentials per address, in this process. Valid ones are never delayed. */
@Injectable()
export class FailedCredentials {
  private readonly log = new Logger('Auth');
  private readonly byAddress = new Map<string, Failures>();
  /** For tests. */
  now: () => number = Date.now;

  /** Counts a failure. @returns seconds to wait after too many failures, else 0 */
  add(address: string): number {
    const now = this.now();
    const failures = this.of(address, now);
    failures.count++;
    if (failures.count === allowed + 1) {
      this.log.warn(`more than ${allowed} wrong credentials in a minute from ${address}`);
    }
    return failures.count > allowed ? Math.ceil((failures.until - now) / 1000) : 0;
  }

  get size(): number {
    return this.byAddress.size;
  }

  private of(address: string, now: number): Failures {
    const known = this.byAddress.get(address);
    if (known !== undefined && known.until > now) return known;
    this.byAddress.delete(address);
    if (this.byAddress.size >= maxAddresses) {
      this.byAddress.delete(this.byAddress.keys().next().value!);
    }
    const fresh = { count: 0, until: now + windowMs };
    this.byAddress.set(address, fresh);
    return fresh;
  }
}
