import { Injectable, Logger, type BeforeApplicationShutdown } from '@nestjs/common';
import { pause } from '../../common/deadline.js';
import { messageOf } from '../../common/message-of.js';
import { DeclaredSchedules } from './declared-schedules.js';
import { ScheduleNews } from './schedule-news.js';
import { ScheduleRuns } from './schedule-runs.js';

/** Longest nap, and so the longest delay when a message was lost. Below `toleranceMs`. Milliseconds. */
const napMs = 10_000;
/** Average pause while another worker holds a schedule that is due. Milliseconds. */
const contendedMs = 100;
/** Pause after an error. Milliseconds. */
const troubledMs = 2_000;

/**
 * Sleeps until the next tick and sends it. Every worker runs a ticker and no separate process is needed:
 * the first worker to lock a schedule sends its tick. The others have spent two small queries.
 */
@Injectable()
export class ScheduleTicker implements BeforeApplicationShutdown {
  private readonly log = new Logger('Schedules');
  private running: Promise<void> | undefined;
  private stopped = false;
  private synced = false;
  /** Aborted when the ticker must not nap, or no longer. */
  private waking = new AbortController();
  private trouble: string | undefined;

  constructor(
    private readonly declared: DeclaredSchedules,
    private readonly runs: ScheduleRuns,
    private readonly news: ScheduleNews,
  ) {}

  start(): void {
    this.stopped = false;
    this.running ??= this.run();
  }

  /** Resolves when the running transaction, if any, has ended. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.waking.abort();
    await this.running;
    this.running = undefined;
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.stop();
  }

  private async run(): Promise<void> {
    while (!this.stopped) {
      const { signal } = (this.waking = new AbortController());
      const inMs = await this.pass();
      if (!this.stopped) await pause(inMs, signal);
    }
  }

  /** @returns milliseconds until the next look */
  private async pass(): Promise<number> {
    try {
      this.news.listen(() => this.waking.abort());
      if (!this.synced) await this.declared.sync();
      this.synced = true;
      const inMs = await this.sendDue();
      this.trouble = undefined;
      return inMs;
    } catch (error) {
      this.troubled(error);
      return troubledMs;
    }
  }

  private async sendDue(): Promise<number> {
    const first = await this.nextInMs();
    if (first > 0) return first;
    // Every schedule gets a turn before any gets its second.
    const served: string[] = [];
    while (!this.stopped) {
      const name = await this.runs.tick(served);
      if (name === null) break;
      served.push(name);
    }
    const next = await this.nextInMs();
    if (next > 0) return next;
    return served.length > 0 ? 0 : contendedMs * (0.5 + Math.random());
  }

  private async nextInMs(): Promise<number> {
    return Math.min(Math.ceil((await this.runs.nextInMs()) ?? napMs), napMs);
  }

  private troubled(error: unknown): void {
    const message = messageOf(error);
    if (message === this.trouble) return;
    this.trouble = message;
    this.log.warn(`Schedules wait: ${message}`);
  }
}
