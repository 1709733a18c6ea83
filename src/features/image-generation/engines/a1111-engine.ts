import { A1111Http } from './a1111-http.js';
import { Interruptions } from './a1111-interruptions.js';
import { defaultA1111Options, type A1111Options } from './a1111-options.js';
import { answers, capabilitiesOf, isSketch } from './a1111-probe.js';
import { A1111Progress } from './a1111-progress.js';
import { refusal } from './a1111-refusal.js';
import { A1111Removal } from './a1111-removal.js';
import { txt2ImgBody } from './a1111-request.js';
import { badResult, readAnswer, verifiedImages, type Answer } from './a1111-result.js';
import { A1111Status } from './a1111-status.js';
import { EngineError } from './engine-error.js';
import type {
  EngineCall,
  EngineCapabilities,
  EngineResult,
  ImageEngine,
  Txt2ImgRequest,
} from './image-engine.js';
import { Slots } from './slots.js';
import { deadline, waitAtMost } from '../../../common/deadline.js';

/** How long a failed call waits for its job to leave the server; below what a stopping worker allows. */
const partingMs = 1_500;

/** A server of the A1111 `/sdapi/v1` family. */
export class A1111Engine implements ImageEngine {
  kind = 'a1111';
  readonly url: string;
  private readonly options: A1111Options;
  private readonly http: A1111Http;
  private readonly status: A1111Status;
  private readonly interruptions: Interruptions;
  private readonly progress: A1111Progress;
  private readonly removal: A1111Removal;
  private readonly slots: Slots;
  private inFlight = 0;
  private recognised = false;

  /**
   * @param address may carry `user:password@` for Basic auth
   * @param requestsInFlight 2 hides the server's encoding time, 1 keeps strict priority
   */
  constructor(address: string, requestsInFlight: number, options: Partial<A1111Options> = {}) {
    this.options = { ...defaultA1111Options, ...options };
    this.http = new A1111Http(address);
    this.url = this.http.url;
    this.status = new A1111Status(this.http, this.options.askMs);
    this.interruptions = new Interruptions(this.status);
    this.progress = new A1111Progress(this.status, this.interruptions, this.options);
    this.removal = new A1111Removal(this.status, this.interruptions, this.options.pollMs);
    this.slots = new Slots(requestsInFlight);
  }

  probe(signal?: AbortSignal): Promise<EngineCapabilities> {
    return capabilitiesOf(this.http, this.status, this.options.askMs, signal);
  }

  ping(signal?: AbortSignal): Promise<void> {
    return answers(this.http, this.options.askMs, signal);
  }

  async txt2img(request: Txt2ImgRequest, call: EngineCall): Promise<EngineResult> {
    const { answer, seconds } = await this.draw(request, call);
    // The slot is free already: the server draws the next picture while this one is decoded.
    const images = await verifiedImages(request, answer);
    return { images, model: answer.model, modelHash: answer.modelHash, seconds };
  }

  /** All that needs a slot. */
  private async draw(request: Txt2ImgRequest, call: EngineCall) {
    const leave = await this.enter(call.signal);
    const end = performance.now() + this.options.totalMs;
    let removed = Promise.resolve();
    try {
      await this.recognise(call.signal);
      await waitAtMost(this.options.orphanMs, this.remove(call.earlierJobIds), call.signal);
      return await this.dispatch(request, call, end);
    } catch (error) {
      if (mayStillRun(error)) {
        removed = this.remove([call.jobId]);
        await waitAtMost(partingMs, removed);
      }
      throw error;
    } finally {
      // What the server still has counts as in flight: it holds one of the server's threads.
      void removed.then(leave);
    }
  }

  private async dispatch(
    request: Txt2ImgRequest,
    call: EngineCall,
    end: number,
  ): Promise<{ answer: Answer; seconds: number }> {
    const { jobId, signal } = call;
    const following = this.progress.follow({
      jobId,
      alone: () => this.inFlight === 1,
      report: (progress) => call.onProgress?.(progress),
    });
    const stop = deadline(Infinity, signal, following.idle);
    const started = performance.now();
    try {
      const { status, data, headers } = await this.http.post(
        '/sdapi/v1/txt2img',
        txt2ImgBody(request, jobId),
        end - started,
        { signal: stop.signal, onBytes: following.moved },
      );
      if (status !== 200) throw refusal(this.url, status, data, headers['retry-after']);
      const answer = readAnswer(request, data);
      if (await this.interruptions.hit(answer.jobTimestamp, signal)) {
        throw badResult('was interrupted by somebody else');
      }
      return { answer, seconds: (performance.now() - started) / 1000 };
    } finally {
      stop.clear();
      following.stop();
    }
  }

  private async enter(signal: AbortSignal): Promise<() => void> {
    const giveBack = await this.slots.take(signal).catch((reason: unknown) => {
      throw new EngineError('aborted', 'The call was stopped while it waited.', { cause: reason });
    });
    this.inFlight++;
    return () => {
      this.inFlight--;
      giveBack();
    };
  }

  /** Resolves when the server has none of the jobs any more; a long time at most. */
  private async remove(jobIds: string[]): Promise<void> {
    const until = deadline(this.options.totalMs);
    const removals = jobIds.slice(-3).map((jobId) => this.removal.remove(jobId, until.signal));
    await Promise.all(removals).finally(until.clear);
  }

  /** So that every result says whether the stand-in made it. */
  private async recognise(signal: AbortSignal): Promise<void> {
    if (this.recognised) return;
    const sketch = await isSketch(this.http, this.options.askMs, signal);
    this.recognised = sketch !== undefined;
    if (sketch) this.kind = 'sketch';
  }
}

/** After these the server may go on drawing what nobody waits for. */
function mayStillRun(error: unknown): boolean {
  return error instanceof EngineError && /^(aborted|timeout|unknown_outcome)$/.test(error.kind);
}
