import { Breaker } from '../../common/breaker.js';
import { unsupported, type Unsupported } from './engines/engine-capabilities.js';
import { EngineError } from './engines/engine-errors.js';
import type { ImageEngine, Txt2ImgRequest } from './engines/image-engine.js';

/** A backend that answered a request with an error is asked last for this long. Milliseconds. */
const coolDownMs = 10_000;
// Age of the known capabilities. Milliseconds. From `freshMs` on a call may read them again, from `rereadMs` on the
// next look does, from `believedMs` on they no longer count.
const rereadMs = 30_000;
const believedMs = 90_000;
const freshMs = 2_000;
/** A call does not ask a backend again that left the last question unanswered this recently. Milliseconds. */
const silentMs = 30_000;

/** One image server, and what this process knows of it. */
export class Backend {
  readonly breaker: Breaker;
  inFlight = 0;
  private failedUntil = 0;
  private learning: Promise<void> | undefined;
  private askedAt = -Infinity;
  private knownAt = -Infinity;
  /** Failed looks since the last answer; undefined before the first look. */
  private misses: number | undefined;
  /** Whether it seemed to be down at the last look. Calls may still ask it. */
  private away = false;

  /** @param changed called after any change of its state */
  constructor(
    readonly engine: ImageEngine,
    private readonly changed: () => void,
  ) {
    this.breaker = new Breaker(
      () => engine.ping(),
      () => {
        // A different server may answer at the address now.
        if (this.breaker.well) {
          this.answered();
          void this.ask().catch(() => {});
        }
        changed();
      },
    );
  }

  /** Whether it answered the last look. */
  get answers(): boolean {
    return this.isUp && this.misses === 0;
  }

  /** Whether neither a look nor a call has found it down. */
  get isUp(): boolean {
    return this.breaker.well && !this.away;
  }

  get hasLooked(): boolean {
    return this.misses !== undefined;
  }

  /** Backends with a lower rank are asked first. */
  get rank(): number {
    const last = this.failedUntil > performance.now() || this.away;
    return this.inFlight + (this.engine.leftovers ?? 0) + (last ? 1000 : 0);
  }

  get isKnown(): boolean {
    const believed = performance.now() - this.knownAt < believedMs;
    return believed && this.engine.capabilities !== undefined;
  }

  /** Fields of the request that it is known not to support. */
  unsupported(asked: Txt2ImgRequest): Unsupported[] {
    return this.isKnown ? unsupported(asked, this.engine.capabilities!) : [];
  }

  /** Asks what it can do, unless that was asked a moment ago. Never rejects. */
  async learn(): Promise<void> {
    const again = this.askedAt > this.knownAt ? silentMs : freshMs;
    if (!this.learning && performance.now() - this.askedAt < again) return;
    this.learning ??= this.ask().then(
      () => {},
      () => {},
    );
    await this.learning;
  }

  /** Checks on it between calls, so that trouble is noticed before a call needs it. Never rejects. */
  async look(): Promise<void> {
    // Otherwise its breaker probes it.
    if (!this.breaker.well) return;
    try {
      if (performance.now() - this.knownAt > rereadMs) await this.ask();
      else await this.engine.ping();
      this.answered();
    } catch (error) {
      this.misses = (this.misses ?? 0) + 1;
      // A busy server may be late once, and a closed connection proves nothing.
      this.away = this.misses > 1 || (error instanceof EngineError && error.kind === 'unavailable');
      this.changed();
    }
  }

  succeeded(): void {
    this.failedUntil = 0;
    this.breaker.succeeded();
  }

  failed({ kind, details }: EngineError): void {
    const { retryAfterSeconds } = details;
    if (kind === 'unavailable') {
      this.breaker.failed(retryAfterSeconds === undefined ? undefined : retryAfterSeconds * 1000);
    }
    if (kind === 'timeout' || kind === 'misconfigured') this.breaker.failed();
    // It may be restarting, or no longer be an engine: a probe finds out.
    if (kind === 'unknown_outcome' || kind === 'bad_result') void this.breaker.probe();
    if (kind === 'failed') this.failedUntil = performance.now() + coolDownMs;
  }

  private answered(): void {
    this.misses = 0;
    if (!this.away) return;
    this.away = false;
    this.changed();
  }

  private async ask(): Promise<void> {
    this.askedAt = performance.now();
    try {
      await this.engine.probe();
      this.knownAt = performance.now();
      this.answered();
    } finally {
      this.learning = undefined;
    }
  }
}
