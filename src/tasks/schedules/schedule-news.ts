import { Injectable, Logger } from '@nestjs/common';
import { waitAtMost } from '../../common/deadline.js';
import { messageOf } from '../../common/message-of.js';
import { MessageBus } from '../../infrastructure/queue/message-bus.js';

const topic = 'schedules.changed';
/** Longest wait for the store. Milliseconds. */
const publishMs = 1_000;

/** Wakes the tickers of all processes. A message may be lost; each ticker also looks by itself soon after. */
@Injectable()
export class ScheduleNews {
  private readonly log = new Logger('Schedules');
  private subscribed = false;

  constructor(private readonly bus: MessageBus) {}

  /** Wakes the tickers. Call it after the commit. Never throws. */
  async changed(): Promise<void> {
    const published = this.bus.publish(topic, null).catch((error: unknown) => this.missed(error));
    await waitAtMost(publishMs, published);
  }

  /**
   * Subscribes to changes. May be called repeatedly: it subscribes once, as soon as the store is there, and
   * also calls `onChange` at that moment.
   */
  listen(onChange: () => void): void {
    if (this.subscribed) return;
    this.subscribed = true;
    // Nobody heard of changes made before the subscription began.
    this.bus.subscribe(topic, onChange).then(onChange, (error: unknown) => {
      this.subscribed = false;
      this.missed(error);
    });
  }

  private missed(error: unknown): void {
    this.log.debug(`Changes of schedules will be noticed late: ${messageOf(error)}`);
  }
}
