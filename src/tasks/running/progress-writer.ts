import type { TaskProgress } from '../definitions/task-context.js';

const everyMs = 500;

/** Writes the newest progress, at most twice a second. A lost write does no harm. */
export class ProgressWriter {
  private newest: TaskProgress | undefined;
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly write: (progress: TaskProgress) => Promise<void>) {}

  put(progress: TaskProgress): void {
    this.newest = progress;
    this.timer ??= this.flushSoon(0);
  }

  stop(): void {
    clearTimeout(this.timer);
    this.newest = undefined;
  }

  private flushSoon(inMs: number): NodeJS.Timeout {
    return setTimeout(() => {
      const progress = this.newest;
      this.newest = undefined;
      if (progress === undefined) {
        this.timer = undefined;
        return;
      }
      this.timer = this.flushSoon(everyMs);
      this.write(progress).catch(() => {});
    }, inMs);
  }
}
