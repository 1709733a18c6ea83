import { within } from '../../common/deadline.js';

/** Longest wait for an answer. Milliseconds. Prometheus waits ten seconds by default. */
const deadlineMs = 2_000;
/** An answer is shown again for this long. Milliseconds. */
const freshMs = 5_000;

/** What is read elsewhere at a scrape. Many scrapes cost one question, and one that is slow delays nobody for long. */
export class Reading<T> {
  private known: { value: T; at: number } | undefined;
  private asking: Promise<T> | undefined;

  constructor(private readonly ask: () => Promise<T>) {}

  /** Never rejects. @returns undefined when there is no answer in time */
  async latest(): Promise<T | undefined> {
    if (this.known && performance.now() - this.known.at < freshMs) return this.known.value;
    this.asking ??= this.ask().finally(() => (this.asking = undefined));
    try {
      const value = await within(deadlineMs, this.asking);
      this.known = { value, at: performance.now() };
      return value;
    } catch {
      return undefined;
    }
  }
}
