import { Injectable } from '@nestjs/common';
import type { Json } from '../../common/json.js';

/**
 * What features tell of this process, for counting. In a child of a process pool the news go to the worker that it
 * belongs to, which counts for all of its children: they come and go.
 */
@Injectable()
export class ProcessNews {
  private readonly listeners = new Map<string, (news: Json) => void>();
  private hear = (topic: string, news: Json) => this.listeners.get(topic)?.(news);

  /** Returns at once and never throws. */
  tell(topic: string, news: Json): void {
    this.hear(topic, news);
  }

  /** Sets the only listener of a topic. It must not throw. */
  on(topic: string, listener: (news: Json) => void): void {
    this.listeners.set(topic, listener);
  }

  /** From now on all news go there, and to no listener of this process. */
  sendTo(receiver: (topic: string, news: Json) => void): void {
    this.hear = receiver;
  }
}
