/** Pauses between probes of a backend that is down, before jitter. Milliseconds. */
const firstPauseMs = 1_000;
const longestPauseMs = 10_000;

/**
 * A circuit breaker for one backend. After a failure the backend gets no requests for pictures until a probe
 * succeeds. Probes run one at a time, at growing intervals. A probe is a small request, never a picture.
 */
export class Breaker {
  private open = false;
  /** Failures and failed probes since the last success of a real call. */
  private failures = 0;
  private timer: NodeJS.Timeout | undefined;
  private probing: Promise<void> | undefined;
  /** The backend asked for no requests until then. Monotonic clock, milliseconds. */
  private silentUntil = 0;
  private probeAt = 0;
  private closed = false;

  /**
   * @param ping rejects when the backend is not well
   * @param changed called when the backend becomes well or stops being well
   */
  constructor(
    private readonly ping: () => Promise<void>,
    private readonly changed: () => void,
    private readonly random: () => number = Math.random,
  ) {}

  get well(): boolean {
    return !this.open;
  }

  /** Milliseconds until the next probe; 0 when the backend is well or a probe is running. */
  get nextProbeMs(): number {
    return this.open ? Math.max(0, Math.ceil(this.probeAt - performance.now())) : 0;
  }

  /** To be called when a real call has succeeded. */
  succeeded(): void {
    this.failures = 0;
  }

  /** @param waitMs how long the backend asked us to wait, if it did */
  failed(waitMs?: number): void {
    if (waitMs !== undefined) {
      this.silentUntil = Math.max(this.silentUntil, performance.now() + waitMs);
    }
    this.trip();
  }

  /** Resolves after a probe; at once while the backend has asked for no requests. */
  async probe(): Promise<void> {
    if (this.closed || performance.now() < this.silentUntil) return;
    this.probing ??= this.ask().finally(() => (this.probing = undefined));
    await this.probing;
  }

  /** Stops probing. */
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
    // The backend told a call to wait while the probe was running.
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
    // A time that the backend named replaces the pause.
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
    // A timer may fire a moment early, and a probe before `silentUntil` does nothing.
    return Math.max(0, Math.ceil(this.probeAt - performance.now())) + 1;
  }
}
