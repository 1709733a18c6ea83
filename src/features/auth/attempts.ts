import { Logger } from '@nestjs/common';

const maxKeys = 10_000;

interface Counted {
  count: number;
  until: number;
}

/** Counts attempts by key, an address for example, in this process. */
export class Attempts {
  private readonly log = new Logger('Auth');
  private readonly byKey = new Map<string, Counted>();
  /** For tests. */
  now: () => number = Date.now;

  /**
   * @param what for the log
   * @param allowed attempts of a key in a window
   * @param windowMs milliseconds
   */
  constructor(
    private readonly what: string,
    private readonly allowed: number,
    private readonly windowMs: number,
  ) {}

  /** Counts an attempt. @param shown the key as the log may have it @returns seconds to wait after too many, else 0 */
  add(key: string, shown = key): number {
    const now = this.now();
    const counted = this.of(key, now);
    counted.count++;
    if (counted.count === this.allowed + 1) {
      this.log.warn(`more than ${this.allowed} ${this.what} from ${shown}`);
    }
    return counted.count > this.allowed ? Math.ceil((counted.until - now) / 1000) : 0;
  }

  /** Seconds until another attempt may be made; 0: now. Ask before what can be guessed is looked at. */
  blockedS(key: string): number {
    const now = this.now();
    const counted = this.byKey.get(key);
    if (counted === undefined || counted.until <= now || counted.count < this.allowed) return 0;
    return Math.ceil((counted.until - now) / 1000);
  }

  get size(): number {
    return this.byKey.size;
  }

  private of(key: string, now: number): Counted {
    const known = this.byKey.get(key);
    if (known !== undefined && known.until > now) return known;
    this.byKey.delete(key);
    if (this.byKey.size >= maxKeys) {
      this.byKey.delete(this.byKey.keys().next().value!);
    }
    const fresh = { count: 0, until: now + this.windowMs };
    this.byKey.set(key, fresh);
    return fresh;
  }
}
