import type { ServerResponse } from 'node:http';
import type { FastifyReply } from 'fastify';
import { waitAtMost } from '../../common/deadline.js';
import { hungUp } from '../../infrastructure/http/hang-up.js';
import { countNoLonger } from '../../infrastructure/http/one-at-a-time.js';

/** When a browser comes back after the stream has ended. Milliseconds. */
const comeBackMs = 3_000;

/** An answer of server-sent events: its head, its bytes and its end. */
export class EventStream {
  /** Fires when the client has left, was cut off, or has all. */
  readonly closed: AbortSignal;
  private readonly raw: ServerResponse;

  /**
   * Nothing is written before {@link open}.
   *
   * @param drainMs how long the client may take for what waits for it; then it is cut off
   */
  constructor(
    private readonly reply: FastifyReply,
    private readonly drainMs: number,
  ) {
    this.raw = reply.raw;
    this.closed = hungUp(reply);
  }

  /** Sends the head. From here on the answer is no problem any more, whatever happens. */
  open(): void {
    this.reply.hijack();
    this.raw.writeHead(200, {
      ...(this.reply.getHeaders() as Record<string, string>),
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache, no-transform',
      // Proxies like nginx would otherwise collect events until they have some kilobytes.
      'x-accel-buffering': 'no',
      connection: 'close',
    });
    countNoLonger(this.raw);
    this.write(`retry: ${comeBackMs}\n\n`);
  }

  write(text: string): void {
    if (!this.raw.writableEnded && !this.closed.aborted) this.raw.write(text);
  }

  /** The client does not take events as fast as they come. */
  get isBehind(): boolean {
    return this.raw.writableNeedDrain;
  }

  /** Resolves when the client has taken what waits for it, or is gone. Cuts it off when that takes too long. */
  async drained(): Promise<void> {
    if (!this.isBehind) return;
    const taken = new Promise((resolve) => this.raw.once('drain', resolve));
    const inTime = await waitAtMost(this.drainMs, taken, this.closed);
    if (!inTime) this.raw.destroy();
  }

  end(): void {
    if (!this.raw.writableEnded) this.raw.end();
  }
}
