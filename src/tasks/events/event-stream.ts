import type { LiveEvent } from './live-event.js';

/** Most events kept for a slow reader. Older ones are dropped and counted. */
const maxWaiting = 10_000;

/** A buffer between a producer of events and one reader. */
export class EventStream implements AsyncIterable<LiveEvent> {
  private readonly waiting: LiveEvent[] = [];
  private dropped = 0;
  private ended = false;
  private wake = () => {};

  constructor(private readonly process: string) {}

  put(event: LiveEvent): void {
    this.waiting.push(event);
    if (this.waiting.length > maxWaiting) {
      this.waiting.shift();
      this.dropped++;
    }
    this.wake();
  }

  end(): void {
    this.ended = true;
    this.wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<LiveEvent, void> {
    while (!this.ended) {
      if (this.dropped > 0) yield this.reportOfDropped();
      const event = this.waiting.shift();
      if (event) yield event;
      else await new Promise<void>((resolve) => (this.wake = resolve));
    }
  }

  private reportOfDropped(): LiveEvent {
    const count = this.dropped;
    this.dropped = 0;
    const at = new Date().toISOString();
    return { type: 'events-dropped', at, worker: this.process, count };
  }
}
