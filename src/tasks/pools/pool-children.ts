import { Logger } from '@nestjs/common';
import { messageOf } from '../../common/message-of.js';
import { WorkerStopping } from '../definitions/task-errors.js';
import { ChildStartError, PoolChild } from './pool-child.js';

/** Pause after a failed start of a child; it doubles with each failure, up to the longest. Milliseconds. */
const firstPauseMs = 1_000;
const longestPauseMs = 30_000;

interface Waiting {
  take(child: PoolChild): void;
  giveUp(error: Error): void;
}

/**
 * The child processes of a pool. A child is started when a task needs one; afterwards it is used again, until
 * it is replaced. A waiting task takes whichever child is free first, a new one or an old one. After a
 * failed start, one child at a time is tried, with growing pauses.
 */
export class PoolChildren {
  private readonly log = new Logger('Pool');
  private readonly all = new Set<PoolChild>();
  private readonly waiting: Waiting[] = [];
  private free: PoolChild[] = [];
  private starting = 0;
  private failures = 0;
  private pause: NodeJS.Timeout | undefined;
  private closing = false;
  private size = 0;
  /** Number of children that have run and ended. */
  ended = 0;

  constructor(private readonly make: () => PoolChild) {}

  /** Children that take tasks, or will soon. */
  get live(): PoolChild[] {
    return [...this.all].filter((child) => !child.ending);
  }

  /** Sets how many children to keep while there is nothing to do. */
  resize(size: number): void {
    this.size = size;
    const surplus = this.free.splice(0, Math.max(0, this.live.length - size));
    for (const child of surplus) void child.end();
  }

  /**
   * Waits for a free child.
   *
   * @throws ChildStartError when a child cannot be started
   * @throws the reason of `signal` when it is aborted first; WorkerStopping after `close`
   */
  async take(signal: AbortSignal): Promise<PoolChild> {
    signal.throwIfAborted();
    if (this.closing) throw stopping();
    for (let child = this.free.pop(); child; child = this.free.pop()) {
      if (!child.ending) return child;
    }
    return new Promise((resolve, reject) => {
      const leave = () => {
        signal.removeEventListener('abort', aborted);
        const place = this.waiting.indexOf(waiting);
        if (place >= 0) this.waiting.splice(place, 1);
      };
      const aborted = () => waiting.giveUp(signal.reason as Error);
      const waiting: Waiting = {
        take: (found) => {
          leave();
          resolve(found);
        },
        giveUp: (error) => {
          leave();
          reject(error);
        },
      };
      signal.addEventListener('abort', aborted);
      this.waiting.push(waiting);
      this.startMissing();
    });
  }

  /** Returns a child that has ended its task. */
  putBack(child: PoolChild): void {
    if (child.ending) return;
    const [next] = this.waiting;
    if (next) next.take(child);
    else if (this.closing || this.live.length > this.size) void child.end();
    else this.free.push(child);
  }

  /** Ends a child and starts another one in its place. */
  replace(child: PoolChild, why: string): void {
    this.log.log(`Child ${child.pid} is replaced: ${why}`);
    void child.end();
    this.startSpare();
  }

  async close(): Promise<void> {
    this.closing = true;
    clearTimeout(this.pause);
    for (const waiting of this.waiting.splice(0)) {
      waiting.giveUp(stopping());
    }
    await Promise.all([...this.all].map((child) => child.end()));
  }

  private startMissing(): void {
    if (this.closing || this.pause !== undefined) return;
    const most = this.failures > 0 ? 1 : Infinity;
    while (this.starting < Math.min(this.waiting.length, most)) void this.startOne();
  }

  private startSpare(): void {
    if (this.closing || this.failures > 0 || this.live.length >= this.size) return;
    void this.startOne();
  }

  private async startOne(): Promise<void> {
    this.starting += 1;
    let child: PoolChild | undefined;
    try {
      child = this.make();
      this.all.add(child);
      await child.ready;
    } catch (error) {
      this.starting -= 1;
      if (child) this.all.delete(child);
      this.notStarted(messageOf(error));
      return;
    }
    this.starting -= 1;
    this.failures = 0;
    const started = child;
    void child.ended.then((how) => this.gone(started, how));
    this.putBack(child);
    this.startMissing();
  }

  /** Tasks do not wait for a child that may never start: they go back to the queue. A later task tries again. */
  private notStarted(message: string): void {
    if (this.closing) return;
    const pauseMs = Math.min(firstPauseMs * 2 ** this.failures, longestPauseMs);
    this.failures += 1;
    this.log.error(
      `A child process could not start: ${message} The next try is in ${pauseMs / 1000} s.`,
    );
    clearTimeout(this.pause);
    this.pause = setTimeout(() => {
      this.pause = undefined;
      this.startMissing();
    }, pauseMs).unref();
    for (const waiting of this.waiting.splice(0)) {
      waiting.giveUp(new ChildStartError(message));
    }
  }

  private gone(child: PoolChild, how: string): void {
    this.all.delete(child);
    if (this.free.includes(child)) {
      this.log.warn(`Child ${child.pid} ended while it had nothing to do (${how})`);
      this.free = this.free.filter((other) => other !== child);
    }
    this.ended += 1;
    this.startSpare();
  }
}

function stopping(): WorkerStopping {
  return new WorkerStopping('the worker is stopping');
}
