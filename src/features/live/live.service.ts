import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { InvalidFieldsError, UnavailableError } from '../../common/app-error.js';
import { onAbort } from '../../common/deadline.js';
import { unhurried } from '../../infrastructure/database/request-deadline.js';
import { isFinal } from '../../tasks/definitions/task-state.js';
import { beginning, positionOf, type Position } from '../../tasks/history/position.js';
import {
  isAhead,
  TaskHistory,
  type HistoryPage,
  type HistoryScope,
} from '../../tasks/history/task-history.js';
import type { TaskEntity } from '../../tasks/ledger/task.entity.js';
import { TaskStatusService } from '../task-status/task-status.service.js';
import type { EventStream } from './event-stream.js';
import { Follower } from './follower.js';
import { Heartbeats, type Visitor } from './heartbeats.js';
import { HistoryTail } from './history-tail.js';
import { frameOfEnd, frameOfPosition, isOver } from './live.dto.js';
import { LiveLimits } from './live-limits.js';

/** Streams of what happens to tasks. */
@Injectable()
export class LiveService implements OnModuleDestroy {
  private readonly streams = new Set<EventStream>();
  private stopping = false;

  constructor(
    private readonly history: TaskHistory,
    private readonly tail: HistoryTail,
    private readonly status: TaskStatusService,
    private readonly limits: LiveLimits,
    private readonly heartbeats: Heartbeats,
  ) {}

  /**
   * Tells the life of a task, from its beginning or behind `lastId`, until its end.
   *
   * @returns false when the client has had its end: nothing was written
   * @throws NotFoundError, InvalidFieldsError, TooManyStreamsError, UnavailableError
   */
  async followTask(
    id: string,
    visitor: Visitor,
    lastId: string | undefined,
    out: EventStream,
  ): Promise<boolean> {
    const from = readPosition(lastId);
    const task = await this.status.find(id, visitor.user);
    return this.stream(out, visitor, async () => {
      const { follower, page } = await this.join({ kind: 'task', id }, from ?? beginning, out);
      const isNews = page.rows.length > 0 || from === undefined;
      if (!isNews && isOver(task, await this.history.latest(id))) return undefined;
      return async () => {
        await follower.begin(page);
        if (!task.followed) await this.endUnfollowed(task, visitor, follower, out);
      };
    });
  }

  /** @throws NotFoundError */
  async refuseForeign(id: string, { user }: Visitor): Promise<void> {
    await this.status.find(id, user);
  }

  /**
   * Tells what happens to all tasks of a scope, from now on or behind `lastId`.
   *
   * @throws InvalidFieldsError, TooManyStreamsError, UnavailableError
   */
  async followAll(
    scope: HistoryScope,
    visitor: Visitor,
    lastId: string | undefined,
    out: EventStream,
  ): Promise<void> {
    const from = readPosition(lastId);
    await this.stream(out, visitor, async () => {
      const { follower, page } = await this.join(scope, from, out);
      return async () => {
        // A client that is cut off before its first event can come back as well.
        if (from === undefined) out.write(frameOfPosition(page.position));
        await follower.begin(page);
      };
    });
  }

  /** Ends all streams: they would delay the shutdown of the process. */
  onModuleDestroy(): void {
    this.stopping = true;
    for (const out of this.streams) out.end();
  }

  /** @param prepare may refuse; undefined: there is nothing to tell */
  private async stream(
    out: EventStream,
    visitor: Visitor,
    prepare: () => Promise<(() => Promise<void>) | undefined>,
  ): Promise<boolean> {
    if (this.stopping) throw new UnavailableError('This process is stopping.');
    const { id } = visitor.user;
    this.limits.enter(id);
    this.streams.add(out);
    onAbort(out.closed, () => {
      this.limits.leave(id);
      this.streams.delete(out);
    });
    const tell = await prepare();
    if (!tell) return false;
    if (out.closed.aborted) return true;
    out.open();
    if (this.stopping) out.end();
    this.heartbeats.begin(out, visitor);
    await unhurried(tell);
    return true;
  }

  /** Joins the tail before the first page is read, so that no row is between them. */
  private async join(
    scope: HistoryScope,
    from: Position | undefined,
    out: EventStream,
  ): Promise<{ follower: Follower; page: HistoryPage }> {
    const follower = new Follower(this.history, out, scope, from ?? beginning);
    onAbort(out.closed, () => this.tail.leave(follower));
    await this.tail.join(follower);
    if (from === undefined) {
      return { follower, page: { rows: [], isFull: false, position: await this.history.now() } };
    }
    const page = await this.history.read(scope, from);
    if (isAhead(from, page.position)) throw new UnknownPositionError();
    return { follower, page };
  }

  /** A task that nobody follows, or one from before there was a history: the ledger knows its end. */
  private async endUnfollowed(
    { id, name }: TaskEntity,
    { user }: Visitor,
    follower: Follower,
    out: EventStream,
  ): Promise<void> {
    const wait = { timeoutMs: Infinity, hungUp: out.closed, name };
    const task = await this.status.wait(id, user, wait).catch(() => undefined);
    // Deleted meanwhile.
    if (!task) out.end();
    else if (isFinal(task.state)) follower.end(frameOfEnd(task, follower.position));
  }
}

class UnknownPositionError extends InvalidFieldsError {
  constructor() {
    super([{ path: 'Last-Event-ID', message: 'This stream has had no event with this id' }]);
  }
}

function readPosition(lastId: string | undefined): Position | undefined {
  if (lastId === undefined || lastId === '') return undefined;
  const position = positionOf(lastId);
  if (!position) throw new UnknownPositionError();
  return position;
}
