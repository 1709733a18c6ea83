import { Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { pause } from '../../common/deadline.js';
import { Breaker } from './breaker.js';
import { EngineError } from './engines/engine-error.js';
import type {
  EngineCall,
  EngineResult,
  ImageEngine,
  Txt2ImgRequest,
} from './engines/image-engine.js';

/** A backend that failed at a request, but is there, is asked last for this long. Milliseconds. */
const coolDownMs = 10_000;

/** For a probe's answer. Milliseconds. */
const answerMs = 1_000;
/** Longest wait of a call for a backend to become well. Milliseconds. */
const longestWaitMs = 10_000;

interface Backend {
  engine: ImageEngine;
  breaker: Breaker;
  inFlight: number;
  failedUntil: number;
}

/** The image servers of this process; each call goes to the least busy one that is well. */
@Injectable()
export class EnginePool implements OnModuleDestroy {
  private readonly log = new Logger('Engines');
  private readonly backends: Backend[];
  private told = true;
  /** Fires when one is well again. */
  private becoming = new AbortController();
  private listener: (well: boolean) => void = () => {};

  constructor(engines: ImageEngine[]) {
    this.backends = engines.map((engine) => ({
      engine,
      breaker: new Breaker(
        () => engine.ping(),
        () => this.changed(),
      ),
      inFlight: 0,
      failedUntil: 0,
    }));
  }

  get engines(): ImageEngine[] {
    return this.backends.map((backend) => backend.engine);
  }

  /** Whether a picture can be asked for now. */
  get well(): boolean {
    return this.backends.some(({ breaker }) => breaker.well);
  }

  /** Calls back when no backend is well any more, and when one is again. */
  onChange(listener: (well: boolean) => void): void {
    this.listener = listener;
  }

  /** Asks those that are thought to be well whether they are. */
  doubt(): void {
    for (const { breaker } of this.backends) if (breaker.well) void breaker.probe();
  }

  /**
   * While no backend is well it waits for the next probe, so that who is refused does not come again at once.
   *
   * @throws EngineError
   */
  async txt2img(
    request: Txt2ImgRequest,
    call: EngineCall,
  ): Promise<EngineResult & { engine: string }> {
    if (!this.well) await this.nextProbe(call.signal);
    const backend = this.pick();
    backend.inFlight++;
    try {
      const result = await backend.engine.txt2img(request, call);
      backend.failedUntil = 0;
      backend.breaker.succeeded();
      return { ...result, engine: backend.engine.kind };
    } catch (error) {
      if (error instanceof EngineError) this.learn(backend, error);
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

  private learn(backend: Backend, { kind, details }: EngineError): void {
    const { breaker } = backend;
    const { retryAfterSeconds } = details;
    if (kind === 'unavailable') {
      breaker.failed(retryAfterSeconds === undefined ? undefined : retryAfterSeconds * 1000);
    }
    if (kind === 'timeout' || kind === 'misconfigured') breaker.failed();
    // It may be starting again: a probe tells.
    if (kind === 'unknown_outcome') void breaker.probe();
    if (kind === 'failed') backend.failedUntil = performance.now() + coolDownMs;
  }

  /** Whatever is not well is passed over. */
  private pick(): Backend {
    const now = performance.now();
    const rank = (b: Backend) => b.inFlight + (b.failedUntil > now ? 1000 : 0);
    const well = this.backends.filter(({ breaker }) => breaker.well);
    const [best] = well.toSorted((a, b) => rank(a) - rank(b));
    if (best) return best;
    if (this.backends.length === 0) {
      throw new EngineError('unavailable', 'No Stable Diffusion server is configured.');
    }
    throw new EngineError('unavailable', 'No Stable Diffusion server answers.', {
      retryAfterSeconds: this.nextProbeMs / 1000,
    });
  }

  private changed(): void {
    const { well } = this;
    if (well === this.told) return;
    this.told = well;
    if (well) this.becoming.abort();
    else this.becoming = new AbortController();
    if (well) this.log.log('A Stable Diffusion server answers again.');
    else this.log.warn('No Stable Diffusion server answers: pictures wait.');
    this.listener(well);
  }
}
