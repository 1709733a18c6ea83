import { Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { pause } from '../../common/deadline.js';
import { messageOf } from '../../common/message-of.js';
import type { LiveEvent, TaskProgressed } from '../../tasks/events/live-event.js';
import { LiveEvents } from '../../tasks/events/live-events.js';
import type { Position } from '../../tasks/history/position.js';
import {
  TaskHistory,
  type HistoryRow,
  type HistoryScope,
} from '../../tasks/history/task-history.js';
import { News, type Follower } from './follower.js';
import { frameOfProgress } from './live.dto.js';

/** How often the history is read though no event says so: the message bus may be away. Milliseconds. */
const pollMs = 1_000;
/** Shortest time between two reads; what comes meanwhile is read together. Milliseconds. */
const gatherMs = 50;
/** How long the tail goes on without followers, as the next one is often near. Polls. */
const patience = 10;
/** Most progress that waits for a read. */
const mostWaiting = 1_000;
/** Ended attempts that are remembered, since progress of them may come late. */
const mostEnded = 1_000;

/**
 * Reads what is new in the history, once for all who listen at this process. Live events only wake it: one that is
 * lost costs a second, and no row.
 *
 * Failure window: the database is away. Remedy: the next poll goes on where the last one was.
 */
@Injectable()
export class HistoryTail implements OnModuleDestroy {
  private readonly log = new Logger('Live');
  private readonly followers = new Map<string, Set<Follower>>();
  private readonly ended = new Set<string>();
  private running: { stop: AbortController; ready: Promise<void> } | undefined;
  private at: Position | undefined;
  /** There may be rows that the last read has not seen. */
  private news = false;
  private reading = false;
  private wake = () => {};
  private progress: TaskProgressed[] = [];

  constructor(
    private readonly history: TaskHistory,
    private readonly live: LiveEvents,
  ) {}

  /** From when this resolves on, the follower gets every row that commits. @throws UnavailableError */
  async join(follower: Follower): Promise<void> {
    const key = keyOf(follower.scope);
    const others = this.followers.get(key);
    if (others) others.add(follower);
    else this.followers.set(key, new Set([follower]));
    this.running ??= this.start();
    try {
      await this.running.ready;
    } catch (error) {
      this.leave(follower);
      throw error;
    }
  }

  leave(follower: Follower): void {
    const key = keyOf(follower.scope);
    const others = this.followers.get(key);
    others?.delete(follower);
    if (others?.size === 0) this.followers.delete(key);
  }

  onModuleDestroy(): void {
    this.stop();
  }

  private start() {
    const stop = new AbortController();
    const ready = this.history.now().then((now) => {
      this.at = now;
      void this.follow(stop.signal);
      void this.listen(stop.signal);
    });
    ready.catch(() => this.stop());
    return { stop, ready };
  }

  private stop(): void {
    this.running?.stop.abort();
    this.running = undefined;
    this.ended.clear();
    this.progress = [];
    this.wake();
  }

  private async follow(stopped: AbortSignal): Promise<void> {
    for (let idle = 0; !stopped.aborted;) {
      this.news = false;
      this.reading = true;
      try {
        await this.readOn(stopped);
      } catch (error) {
        this.log.debug(messageOf(error));
      }
      if (stopped.aborted) return;
      this.reading = false;
      this.tellProgress();
      await pause(gatherMs, stopped);
      if (!this.news && !stopped.aborted) await this.woken();
      idle = this.followers.size > 0 ? 0 : idle + 1;
      if (idle > patience) this.stop();
    }
  }

  private async readOn(stopped: AbortSignal): Promise<void> {
    for (let more = true; more;) {
      const before = this.at!;
      const page = await this.history.read({ kind: 'all' }, before);
      if (stopped.aborted) return;
      for (const row of page.rows) this.hand(row, before);
      this.at = page.position;
      more = page.isFull;
    }
  }

  private hand(row: HistoryRow, before: Position): void {
    if (row.type !== 'accepted' && row.type !== 'started') this.remember(row);
    const news = new News(row, before);
    for (const follower of this.concerned(row)) follower.take(news);
  }

  private remember({ taskId, attempt }: HistoryRow): void {
    this.ended.add(`${taskId} ${attempt}`);
    if (this.ended.size > mostEnded) this.ended.delete(this.ended.keys().next().value!);
  }

  private *concerned({ taskId, ownerId }: Pick<HistoryRow, 'taskId' | 'ownerId'>) {
    yield* this.followers.get(taskId) ?? [];
    if (ownerId !== null) yield* this.followers.get(`of ${ownerId}`) ?? [];
    yield* this.followers.get('all') ?? [];
  }

  private async woken(): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, pollMs);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  private async listen(stopped: AbortSignal): Promise<void> {
    while (!stopped.aborted) {
      try {
        const end = await this.live.subscribe((event) => this.heard(event));
        if (stopped.aborted) await end();
        else stopped.addEventListener('abort', () => void end().catch(() => {}), { once: true });
        return;
      } catch (error) {
        this.log.debug(messageOf(error));
        await pause(pollMs, stopped);
      }
    }
  }

  private heard(event: LiveEvent): void {
    if (!('taskId' in event)) return;
    if (event.type !== 'task-progress') {
      this.news = true;
      this.wake();
      return;
    }
    if (this.progress.length < mostWaiting) this.progress.push(event);
    // Otherwise it comes behind the rows that are just being read, one of which may be its start.
    if (!this.news && !this.reading) this.tellProgress();
  }

  private tellProgress(): void {
    for (const event of this.progress.splice(0)) {
      if (this.ended.has(`${event.taskId} ${event.attempt}`)) continue;
      const frame = frameOfProgress(event);
      for (const follower of this.concerned(event)) follower.progressed(event, frame);
    }
  }
}

function keyOf(scope: HistoryScope): string {
  if (scope.kind === 'all') return 'all';
  return scope.kind === 'task' ? scope.id : `of ${scope.id}`;
}
