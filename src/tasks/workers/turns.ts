import { pause, sharedAbort } from '../../common/deadline.js';

/** Ends a turn. */
export type Leave = () => void;

/**
 * Tasks of one process normally run side by side. A task that must run alone waits until the others have
 * ended, and new ones wait until it has.
 */
export class Turns {
  private together = 0;
  private alone = false;
  private wanting = 0;
  private changed = sharedAbort();

  async enter(): Promise<Leave> {
    while (this.alone || this.wanting > 0) await this.change();
    this.together += 1;
    return this.leaving(() => (this.together -= 1));
  }

  /** Waits until nothing else runs. @returns undefined when the others did not end within `ms` milliseconds */
  async enterAlone(ms: number): Promise<Leave | undefined> {
    const end = performance.now() + ms;
    this.wanting += 1;
    try {
      while (this.alone || this.together > 0) {
        const left = end - performance.now();
        if (left <= 0) return undefined;
        await this.change(left);
      }
      this.alone = true;
      return this.leaving(() => (this.alone = false));
    } finally {
      this.wanting -= 1;
      this.tell();
    }
  }

  private leaving(leave: () => void): Leave {
    return () => {
      leave();
      this.tell();
    };
  }

  private change(ms = Infinity): Promise<void> {
    return pause(ms, this.changed.signal);
  }

  private tell(): void {
    const told = this.changed;
    this.changed = sharedAbort();
    told.abort();
  }
}
