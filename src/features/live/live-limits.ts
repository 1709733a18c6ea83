import { Inject, Injectable } from '@nestjs/common';
import { AppError, UnavailableError } from '../../common/app-error.js';
import { SETTINGS, type Settings } from '../../config/config.module.js';

class TooManyStreamsError extends AppError {
  constructor(most: number) {
    super(429, 'too_many_streams', `You have ${most} event streams open. Close one first.`);
  }
}

class NoRoomError extends UnavailableError {
  constructor() {
    super('Too many event streams are open just now.');
  }
}

/** Counts the event streams of this process. */
@Injectable()
export class LiveLimits {
  /** A client that has not taken what waits for it by then is cut off. Milliseconds. */
  drainMs = 10_000;
  private readonly byUser = new Map<string, number>();
  private all = 0;

  constructor(
    @Inject(SETTINGS)
    private readonly settings: Pick<Settings, 'liveStreams' | 'liveStreamsPerUser'>,
  ) {}

  /** @throws TooManyStreamsError, NoRoomError; otherwise {@link leave} must follow */
  enter(userId: string): void {
    const own = this.byUser.get(userId) ?? 0;
    const { liveStreams, liveStreamsPerUser } = this.settings;
    if (own >= liveStreamsPerUser) throw new TooManyStreamsError(liveStreamsPerUser);
    if (this.all >= liveStreams) throw new NoRoomError();
    this.byUser.set(userId, own + 1);
    this.all += 1;
  }

  leave(userId: string): void {
    const own = this.byUser.get(userId)! - 1;
    if (own === 0) this.byUser.delete(userId);
    else this.byUser.set(userId, own);
    this.all -= 1;
  }
}
