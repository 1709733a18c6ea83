import { within } from '../../../common/deadline.js';
import type { A1111Http } from './a1111-http.js';
import { capabilitiesOf } from './a1111-probe.js';
import type { A1111Status } from './a1111-status.js';
import { asListed, unsupported } from './engine-capabilities.js';
import { EngineError } from './engine-errors.js';
import type { EngineCapabilities, Txt2ImgRequest } from './image-engine.js';

/** An answer younger than this is used again. Milliseconds. */
const freshMs = 2_000;

/** The known capabilities of one server. */
export class A1111Knowledge {
  capabilities: EngineCapabilities | undefined;
  private askedAt = -Infinity;
  private asking: Promise<EngineCapabilities> | undefined;

  constructor(
    private readonly http: A1111Http,
    private readonly status: A1111Status,
    private readonly askMs: number,
  ) {}

  /** Asks the server; concurrent callers share one request. @throws EngineError; older knowledge is kept then */
  async refreshed(signal?: AbortSignal): Promise<EngineCapabilities> {
    this.asking ??= this.ask().finally(() => (this.asking = undefined));
    return within(Infinity, this.asking, undefined, signal);
  }

  private async ask(): Promise<EngineCapabilities> {
    this.askedAt = performance.now();
    this.capabilities = await capabilitiesOf(this.http, this.status, this.askMs);
    return this.capabilities;
  }

  /**
   * Translates the request into names that the server uses. A list that is unknown or may be outdated refuses nothing.
   *
   * @throws EngineError `mismatch` when the server would draw something else
   */
  async fitting(asked: Txt2ImgRequest, signal: AbortSignal): Promise<Txt2ImgRequest> {
    if (!this.capabilities || this.problems(asked).length > 0) await this.askAgain(signal);
    const problems = this.problems(asked);
    if (problems.length === 0) return asListed(asked, this.capabilities);
    const list = problems.map(({ path, message }) => `${path} ${message}`).join('; ');
    const message = `The Stable Diffusion server would draw something else: ${list}.`;
    throw new EngineError('mismatch', message, { shown: list });
  }

  private problems(asked: Txt2ImgRequest) {
    return this.capabilities ? unsupported(asked, this.capabilities) : [];
  }

  /** A server that does not say what it can do is asked for the picture anyway. */
  private async askAgain(signal: AbortSignal): Promise<void> {
    if (!this.asking && performance.now() - this.askedAt < freshMs) return;
    await this.refreshed(signal).catch(() => undefined);
  }
}
