import { Injectable } from '@nestjs/common';
import type {
  EngineCall,
  EngineResult,
  ImageEngine,
  Txt2ImgRequest,
} from './engines/image-engine.js';
import { EngineError } from './engines/engine-error.js';

/** A backend in trouble is asked last for this long. Milliseconds. */
const coolDownMs = 10_000;

interface Backend {
  engine: ImageEngine;
  inFlight: number;
  troubledUntil: number;
}

/** The image servers of this process; each call goes to the least busy one that is well. */
@Injectable()
export class EnginePool {
  private readonly backends: Backend[];

  constructor(engines: ImageEngine[]) {
    this.backends = engines.map((engine) => ({ engine, inFlight: 0, troubledUntil: 0 }));
  }

  get engines(): ImageEngine[] {
    return this.backends.map((backend) => backend.engine);
  }

  /** @throws EngineError */
  async txt2img(
    request: Txt2ImgRequest,
    call: EngineCall,
  ): Promise<EngineResult & { engine: string }> {
    const backend = this.pick();
    backend.inFlight++;
    try {
      const result = await backend.engine.txt2img(request, call);
      backend.troubledUntil = 0;
      return { ...result, engine: backend.engine.kind };
    } catch (error) {
      if (
        error instanceof EngineError &&
        /^(unavailable|misconfigured|timeout)$/.test(error.kind)
      ) {
        backend.troubledUntil = performance.now() + coolDownMs;
      }
      throw error;
    } finally {
      backend.inFlight--;
    }
  }

  private pick(): Backend {
    const now = performance.now();
    const rank = (b: Backend) => b.inFlight + (b.troubledUntil > now ? 1000 : 0);
    const [best] = this.backends.toSorted((a, b) => rank(a) - rank(b));
    if (!best) throw new EngineError('unavailable', 'No Stable Diffusion server is configured.');
    return best;
  }
}
