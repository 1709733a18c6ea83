import { UnavailableError } from './app-error.js';

interface Limits {
  atOnce: number;
  /** Further ones wait, in order; beyond this number they are refused. */
  mostWaiting: number;
  /** The message then. */
  full: string;
}

/** Bounds what is done at the same time in this process, where each needs much memory or a processor. */
export class Places {
  private taken = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(private readonly limits: Limits) {}

  /** @throws UnavailableError when too many wait; what `work` throws */
  async use<T>(work: () => Promise<T>): Promise<T> {
    const { atOnce, mostWaiting, full } = this.limits;
    if (this.taken >= atOnce) {
      if (this.waiting.length >= mostWaiting) throw new UnavailableError(full);
      await new Promise<void>((resolve) => this.waiting.push(resolve));
    } else {
      this.taken += 1;
    }
    try {
      return await work();
    } finally {
      const next = this.waiting.shift();
      if (next) next();
      else this.taken -= 1;
    }
  }
}
