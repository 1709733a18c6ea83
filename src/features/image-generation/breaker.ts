/** Between two probes of a backend that is away, before jitter. Milliseconds. */
const firstPauseMs = 1_000;
const longestPauseMs = 10_000;

/**
 * Whether one backend is well. After a failure it is not asked for pictures until a probe has succeeded; one
 * probe at a time, further and further apart. A probe is a small question, never a picture.
 */
export class Breaker {
  private open = false;
  /** Failures and failed probes since the last success of a real call. */
  private failures = 0;
  private timer: NodeJS.Timeout | undefined;
  private probing: Promise<void> | undefined;
  /** Until then the backend has asked not to be asked. By the monotonic clock, milliseconds. */
  private silentUntil = 0;
  private probeAt = 0;
  private closed = false;

  /**
   * @param ping rejects when the backend is not well
   * @param changed it has become well, or is not any more
   */
  constructor(
    private readonly ping: () => Promise<void>,
    private readonly changed: () => void,
    private readonly random: () => number = Math.random,
  ) {}

  get well(): boolean {
    return !this.open;
  }

  /** Milliseconds until the next probe; 0 when it is well, or probed just now. */
  get nextProbeMs(): number {
    return this.open ? Math.max(0, Math.ceil(this.probeAt - performance.now())) : 0;
  }

  /** A real call has succeeded. */
  succeeded(): void {
    this.failures = 0;
  }

  /** @param waitMs the backend has named its time */
  failed(waitMs?: number): void {
    if (waitMs !== undefined) {
      this.silentUntil = Math.max(this.silentUntil, performance.now() + waitMs);
    }
    this.trip();
  }

  /** Resolves when a probe has said whether it is well; at once while it is to be left alone. */
  async probe(): Promise<void> {
    if (this.closed || performance.now() < this.silentUntil) return;
    this.probing ??= this.ask().finally(() => (this.probing = undefined));
    await this.probing;
  }

  /** No more probes. */
  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
  }

  private async ask(): Promise<void> {
    const asked = performance.now();
    try {
      await this.ping();
    } catch {
      return this.trip();
    }
    // A call was told to wait while the probe was on its way.
    if (this.silentUntil > asked) return;
    clearTimeout(this.timer);
    if (!this.open) return;
    this.open = false;
    this.changed();
  }

  private trip(): void {
    this.failures++;
    const full = Math.min(longestPauseMs, firstPauseMs * 2 ** Math.min(this.failures - 1, 10));
    const jittered = Math.max(firstPauseMs, full * (0.5 + this.random() / 2));
    const now = performance.now();
    // A time that the backend named stands for the pause.
    this.probeAt = this.silentUntil > now ? this.silentUntil : now + jittered;
    clearTimeout(this.timer);
    if (!this.closed) {
      this.timer = setTimeout(() => void this.probe(), this.nextMs());
      this.timer.unref();
    }
    if (this.open) return;
    this.open = true;
    this.changed();
  }

  private nextMs(): number {
    // A timer may fire a moment early, and a probe in the silence would be none.
    return Math.max(0, Math.ceil(this.probeAt - performance.now())) + 1;
  }
}
