import { Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { pause, sharedAbort, waitAtMost } from '../../common/deadline.js';
import { Backend } from './backend.js';
import type { EngineUse } from './engine-use.js';
import type { Unsupported } from './engines/engine-capabilities.js';
import { EngineError } from './engines/engine-errors.js';
import type {
  EngineCall,
  EngineResult,
  ImageEngine,
  Txt2ImgRequest,
} from './engines/image-engine.js';

/** Time allowed for a probe's answer. Milliseconds. */
const answerMs = 1_000;
/** How long a call waits at most for a backend to become well. Milliseconds. */
const longestWaitMs = 10_000;
/** How long a call waits at most for the capabilities of backends. Milliseconds. */
const learnMs = 5_000;

/** The image servers of this process. Each call goes to the least busy one that is well and supports the request. */
@Injectable()
export class EnginePool implements OnModuleDestroy {
  private readonly log = new Logger('Engines');
  private readonly backends: Backend[];
  private told = true;
  private logged = true;
  /** Fires when a backend is well again. */
  private becoming = sharedAbort();
  private listener: (well: boolean) => void = () => {};
  private hearUse: (use: EngineUse) => void = () => {};

  constructor(engines: ImageEngine[]) {
    this.backends = engines.map((engine) => new Backend(engine, () => this.changed()));
  }

  get engines(): ImageEngine[] {
    return this.backends.map((backend) => backend.engine);
  }

  /** Whether a picture can be asked for now. */
  get well(): boolean {
    return this.backends.some(({ breaker }) => breaker.well);
  }

  /** Whether a backend answered its last look. */
  get answers(): boolean {
    return this.backends.some((backend) => backend.answers);
  }

  /** Whether every backend was looked at. */
  get hasLooked(): boolean {
    return this.backends.every((backend) => backend.hasLooked);
  }

  /** Sets the listener, which is called when the last well backend fails and when one is well again. */
  onChange(listener: (well: boolean) => void): void {
    this.listener = listener;
  }

  /** Sets the listener, which is called when a call has ended. */
  onUse(listener: (use: EngineUse) => void): void {
    this.hearUse = listener;
  }

  /** Whether each backend answered its last look, in the order of the settings. */
  get answering(): boolean[] {
    return this.backends.map((backend) => backend.answers);
  }

  /** Probes every backend that is believed to be well. */
  doubt(): void {
    for (const { breaker } of this.backends) if (breaker.well) void breaker.probe();
  }

  /** Looks at each backend. Never rejects. */
  async look(): Promise<void> {
    await Promise.all(this.backends.map((backend) => backend.look()));
  }

  /**
   * Fields of the request that no backend supports, as far as is known now: those of the closest backend. Empty
   * while a backend is down or its capabilities are not known: that one may support everything.
   */
  unsupported(asked: Txt2ImgRequest): Unsupported[] {
    if (this.backends.some(({ isUp, isKnown }) => !isUp || !isKnown)) return [];
    const problems = this.backends.map((backend) => backend.unsupported(asked));
    const [least = []] = problems.toSorted((a, b) => a.length - b.length);
    if (least.length > 0) this.backends.forEach((backend) => void backend.learn());
    return least;
  }

  /**
   * Waits for the next probe while no backend is well, so that a refused caller does not return at once.
   *
   * @throws EngineError
   */
  async txt2img(
    request: Txt2ImgRequest,
    call: EngineCall,
  ): Promise<EngineResult & { engine: string }> {
    if (!this.well) await this.nextProbe(call.signal);
    await this.learn(request, call.signal);
    const backend = this.pick(request);
    backend.inFlight++;
    let startedAt: number | undefined;
    const onStart = () => {
      startedAt = performance.now();
      call.onStart?.();
    };
    const used = (outcome: EngineUse['outcome'], pictures = 0) =>
      this.hearUse({
        backend: this.backends.indexOf(backend) + 1,
        outcome,
        pictures,
        seconds: startedAt === undefined ? null : (performance.now() - startedAt) / 1000,
      });
    try {
      const result = await backend.engine.txt2img(request, { ...call, onStart });
      backend.succeeded();
      used('succeeded', result.images.length);
      return { ...result, engine: backend.engine.kind };
    } catch (error) {
      used(error instanceof EngineError ? error.kind : 'failed');
      if (error instanceof EngineError) backend.failed(error);
      throw error;
    } finally {
      backend.inFlight--;
    }
  }

  onModuleDestroy(): void {
    for (const { breaker } of this.backends) breaker.close();
  }

  private async nextProbe(signal: AbortSignal): Promise<void> {
    await pause(Math.min(this.nextProbeMs + answerMs, longestWaitMs), signal, this.becoming.signal);
    if (signal.aborted) {
      throw new EngineError('aborted', 'The call was stopped while it waited.', {
        cause: signal.reason,
      });
    }
  }

  private get nextProbeMs(): number {
    return Math.min(...this.backends.map(({ breaker }) => breaker.nextProbeMs), longestWaitMs);
  }

  /** With several backends: reads the unknown capabilities, or all of them when no backend seems to fit. */
  private async learn(request: Txt2ImgRequest, signal: AbortSignal): Promise<void> {
    if (this.backends.length < 2) return;
    const up = this.backends.filter(({ isUp }) => isUp);
    const isFit = up.some((backend) => backend.unsupported(request).length === 0);
    const doubtful = isFit ? up.filter(({ isKnown }) => !isKnown) : up;
    if (doubtful.length === 0) return;
    await waitAtMost(learnMs, Promise.all(doubtful.map((backend) => backend.learn())), signal);
  }

  /** Passes over backends that are not well, and those that would draw something else. */
  private pick(request: Txt2ImgRequest): Backend {
    const byRank = this.backends.toSorted((a, b) => a.rank - b.rank);
    const isFit = (backend: Backend) => backend.unsupported(request).length === 0;
    const well = byRank.filter(({ breaker }) => breaker.well);
    const best = well.find((b) => b.isKnown && isFit(b)) ?? well.find(isFit);
    if (best) return best;
    const mayFit = byRank.some((backend) => !backend.breaker.well && isFit(backend));
    // It reads its capabilities again and refuses the request itself.
    if (well[0] && !mayFit) return well[0];
    if (this.backends.length === 0) {
      throw new EngineError('unavailable', 'No Stable Diffusion server is configured.');
    }
    const who = well[0] ? 'server that can draw this' : 'server';
    throw new EngineError('unavailable', `No Stable Diffusion ${who} answers.`, {
      retryAfterSeconds: (well[0] ? longestWaitMs : this.nextProbeMs) / 1000,
    });
  }

  private changed(): void {
    const isUp = this.backends.some((backend) => backend.isUp);
    if (isUp !== this.logged) {
      this.logged = isUp;
      if (isUp) this.log.log('A Stable Diffusion server answers again.');
      else this.log.warn('No Stable Diffusion server answers; pictures have to wait.');
    }
    const { well } = this;
    if (well === this.told) return;
    this.told = well;
    if (well) this.becoming.abort();
    else this.becoming = sharedAbort();
    this.listener(well);
  }
}
