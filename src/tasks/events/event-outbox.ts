import { Logger } from '@nestjs/common';
import { messageOf } from '../../common/message-of.js';
import type { MessageBus } from '../../infrastructure/queue/message-bus.js';
import type { LiveEvent } from './live-event.js';

export const eventsTopic = 'events.live';

/** Most events in one message: about 150 KB, of the 512 KiB that fit. */
const batchSize = 500;
/** Most events kept while the store is slow or away. Further ones are dropped and counted. */
const maxWaiting = 10_000;

/** Publishes events in batches: while one is being sent, the next one is collected. Its size is limited. */
export class EventOutbox {
  private readonly log = new Logger('LiveEvents');
  private waiting: LiveEvent[] = [];
  private dropped = 0;
  private sending: Promise<void> | undefined;

  constructor(
    private readonly bus: MessageBus,
    private readonly process: () => string,
  ) {}

  put(event: LiveEvent): void {
    if (this.waiting.length < maxWaiting) this.waiting.push(event);
    else this.dropped++;
    this.sending ??= this.send();
  }

  /** Resolves when every event so far was published or dropped. */
  async idle(): Promise<void> {
    await this.sending;
  }

  private async send(): Promise<void> {
    await new Promise(setImmediate);
    while (this.waiting.length > 0) {
      const batch = this.waiting.splice(0, batchSize);
      const reported = this.dropped;
      try {
        await this.bus.publish(eventsTopic, [...this.reportOf(reported), ...batch]);
        this.dropped -= reported;
      } catch (error) {
        this.log.debug(messageOf(error));
        this.dropped += batch.length + this.waiting.length;
        this.waiting = [];
      }
    }
    this.sending = undefined;
  }

  private reportOf(count: number): LiveEvent[] {
    if (count === 0) return [];
    return [
      { type: 'events-dropped', at: new Date().toISOString(), worker: this.process(), count },
    ];
  }
}
