import { Logger } from '@nestjs/common';
import { pause } from '../../common/deadline.js';
import { messageOf } from '../../common/message-of.js';
import type { TaskProgressed } from '../../tasks/events/live-event.js';
import { both, covers, hasHad, type Position } from '../../tasks/history/position.js';
import type {
  HistoryPage,
  HistoryRow,
  HistoryScope,
  TaskHistory,
} from '../../tasks/history/task-history.js';
import type { EventStream } from './event-stream.js';
import { frameOf, frameOfProgress, isLast } from './live.dto.js';

/** Most rows that wait while a follower reads older ones. If there are more, it reads those as well. */
const mostHeld = 100;
/** Pause before the database is asked again. Milliseconds. */
const againMs = 1_000;

/** A row that the tail has read. Its bytes are made once, for all followers. */
export class News {
  private bytes: string | undefined;

  /** @param before where the tail was before it read the row and those that came with it */
  constructor(
    readonly row: HistoryRow,
    readonly before: Position,
  ) {}

  get frame(): string {
    this.bytes ??= frameOf(this.row);
    return this.bytes;
  }
}

/**
 * Tells one client each row once: first those that it has missed, from the database, then those that the tail hands
 * over. A client that falls behind goes back to the first way, so little waits for it in memory.
 */
export class Follower {
  private readonly log = new Logger('Live');
  /** What the tail hands over while rows are read from the database; undefined: they are told at once. */
  private held: News[] | undefined = [];
  private hasLost = false;
  /** What was read from the database, as long as the tail may be behind that. */
  private since: Position | undefined;
  private isOver = false;

  /** @param at what the client has had */
  constructor(
    private readonly history: TaskHistory,
    private readonly out: EventStream,
    readonly scope: HistoryScope,
    private at: Position,
  ) {}

  /** What the client has had. */
  get position(): Position {
    return this.at;
  }

  /** To be called with the first page, which was read after the follower had joined the tail. */
  async begin(page: HistoryPage): Promise<void> {
    await this.tellAll(page);
    if (this.isOver) return;
    if (page.isFull || this.hasLost) await this.catchUp();
    else this.goOn(page.position);
  }

  /** Takes a row from the tail. */
  take(news: News): void {
    if (this.held === undefined) this.tell(news);
    else if (this.held.length < mostHeld) this.held.push(news);
    else this.hasLost = true;
  }

  /** Progress is worth nothing later: a client that is behind does without. */
  progressed(event: TaskProgressed, frame = frameOfProgress(event)): void {
    if (this.held === undefined && !this.isOver && !this.out.isBehind) this.out.write(frame);
  }

  private tell({ row, before, frame }: News): void {
    if (this.since && covers(before, this.since)) this.since = undefined;
    if (!this.since) this.send(row, row.position, frame);
    else if (!hasHad(this.since, row.xid)) {
      const position = both(this.since, row.position);
      this.send(row, position, frameOf(row, position));
    }
    if (this.out.isBehind && this.held === undefined && !this.isOver) void this.catchUp();
  }

  private send({ type, name }: HistoryRow, position: Position, frame: string): void {
    if (this.isOver) return;
    this.at = position;
    this.out.write(frame);
    if (this.scope.kind === 'task' && isLast(type, name)) this.end();
  }

  end(frame = ''): void {
    if (this.isOver) return;
    this.isOver = true;
    if (frame !== '') this.out.write(frame);
    this.out.end();
  }

  private async catchUp(): Promise<void> {
    this.held = [];
    while (!this.isOver && !this.out.closed.aborted) {
      await this.out.drained();
      const page = await this.nextPage();
      if (!page) continue;
      await this.tellAll(page);
      if (!page.isFull && !this.hasLost) return this.goOn(page.position);
    }
  }

  private async nextPage(): Promise<HistoryPage | undefined> {
    this.held = [];
    this.hasLost = false;
    try {
      return await this.history.read(this.scope, this.at);
    } catch (error) {
      this.log.debug(messageOf(error));
      await pause(againMs, this.out.closed);
      return undefined;
    }
  }

  private async tellAll({ rows, position }: HistoryPage): Promise<void> {
    for (const row of rows) {
      this.send(row, row.position, frameOf(row));
      await this.out.drained();
    }
    this.at = position;
  }

  private goOn(since: Position): void {
    const held = this.held ?? [];
    this.held = undefined;
    this.since = since;
    for (const news of held) this.take(news);
  }
}
