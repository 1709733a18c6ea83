import { A1111Http } from './a1111-http.js';
import { Interruptions } from './a1111-interruptions.js';
import { defaultA1111Options, type A1111Options } from './a1111-options.js';
import { A1111Knowledge } from './a1111-knowledge.js';
import { answers, isSketch } from './a1111-probe.js';
import { A1111Progress, type Following } from './a1111-progress.js';
import { isPage, refusal } from './a1111-refusal.js';
import { A1111Removal } from './a1111-removal.js';
import { txt2ImgBody } from './a1111-request.js';
import { badResult, readAnswer, verifiedImages, type Answer } from './a1111-result.js';
import { A1111Status } from './a1111-status.js';
import { EngineError } from './engine-errors.js';
import type {
  EngineCall,
  EngineCapabilities,
  EngineResult,
  ImageEngine,
  Txt2ImgRequest,
} from './image-engine.js';
import { SentRequest } from './a1111-sent-request.js';
import { Slots } from './slots.js';
import { deadline, waitAtMost } from '../../../common/deadline.js';

/** How long a failed call waits for its job to leave the server; shorter than a stopping worker allows. */
const partingMs = 1_500;

interface Drawn {
  answer: Answer;
  seconds: number;
}

/** A server of the A1111 `/sdapi/v1` family. */
export class A1111Engine implements ImageEngine {
  kind = 'a1111';
  readonly url: string;
  private readonly options: A1111Options;
  private readonly http: A1111Http;
  private readonly status: A1111Status;
  private readonly knowledge: A1111Knowledge;
  private readonly interruptions: Interruptions;
  private readonly progress: A1111Progress;
  private readonly removal: A1111Removal;
  private readonly slots: Slots;
  private inFlight = 0;
  leftovers = 0;
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
    this.knowledge = new A1111Knowledge(this.http, this.status, this.options.askMs);
    this.interruptions = new Interruptions(this.status);
    this.progress = new A1111Progress(this.status, this.interruptions, this.options);
    this.removal = new A1111Removal(this.status, this.interruptions, this.options.pollMs);
    this.slots = new Slots(requestsInFlight);
  }

  probe(signal?: AbortSignal): Promise<EngineCapabilities> {
    return this.knowledge.refreshed(signal);
  }

  get capabilities(): EngineCapabilities | undefined {
    return this.knowledge.capabilities;
  }

  async ping(signal?: AbortSignal): Promise<void> {
    try {
      await answers(this.http, this.options.askMs, signal);
    } catch (error) {
      // A proxy may have answered in its place: a route that seemed to be missing may exist.
      this.status.forget();
      throw error;
    }
  }

  async txt2img(asked: Txt2ImgRequest, call: EngineCall): Promise<EngineResult> {
    const request = await this.knowledge.fitting(asked, call.signal);
    const { answer, seconds } = await this.draw(request, call);
    // The slot is already free: the server draws the next picture while this one is decoded.
    const images = await verifiedImages(request, answer);
    return { images, model: answer.model, modelHash: answer.modelHash, seconds };
  }

  /** The part of a call that needs a slot. */
  private async draw(request: Txt2ImgRequest, call: EngineCall): Promise<Drawn> {
    const leave = await this.enter(call.signal);
    const end = performance.now() + this.options.totalMs;
    let free = Promise.resolve();
    let sent: SentRequest | undefined;
    try {
      await this.recognise(call.signal);
      await waitAtMost(this.options.orphanMs, this.remove(call.earlierJobIds), call.signal);
      const following = this.follow(call);
      call.onStart?.();
      sent = new SentRequest(this.http, txt2ImgBody(request, call.jobId), following.moved);
      return await this.answerOf(sent, request, { signal: call.signal, following, end });
    } catch (error) {
      if (sent && mayStillRun(error)) {
        free = this.leftAlone(sent, call.jobId);
        call.onLeftBehind?.(free);
        // If jobs cannot be stopped, this would take as long as the drawing.
        if (this.status.tellsJobs) await waitAtMost(partingMs, free);
      }
      throw error;
    } finally {
      // A job that is still on the server counts as in flight: it holds one of the server's threads.
      this.leftovers++;
      void free.then(() => {
        this.leftovers--;
        leave();
      });
    }
  }

  private async answerOf(
    sent: SentRequest,
    request: Txt2ImgRequest,
    { signal, following, end }: { signal: AbortSignal; following: Following; end: number },
  ): Promise<Drawn> {
    const started = performance.now();
    const stop = deadline(end - started, signal, following.idle);
    try {
      const { status, data, headers } = await sent.answer(stop.signal);
      if (status !== 200 || isPage(data)) {
        throw refusal(this.url, status, data, headers['retry-after']);
      }
      const answer = readAnswer(request, data, this.capabilities);
      if (await this.interruptions.hit(answer.jobTimestamp, signal)) {
        throw badResult('was interrupted by another client');
      }
      return { answer, seconds: (performance.now() - started) / 1000 };
    } finally {
      stop.clear();
      following.stop();
    }
  }

  private follow(call: EngineCall): Following {
    return this.progress.follow({
      jobId: call.jobId,
      alone: () => this.inFlight === 1,
      report: (progress) => call.onProgress?.(progress),
    });
  }

  /** Resolves when a job that nobody waits for has left the server, or after `totalMs`. */
  private async leftAlone(sent: SentRequest, jobId: string): Promise<void> {
    const until = deadline(this.options.totalMs);
    let gone = false;
    if (this.status.tellsJobs) {
      sent.hangUp();
      await this.removal.remove(jobId, until.signal);
      gone = this.status.tellsJobs;
    } else {
      // It draws to the end even if the connection closes, so only the answer shows that it is free.
      const over = sent.ended.then((it) => (gone = it));
      await waitAtMost(Infinity, over, until.signal);
      sent.hangUp();
    }
    if (!gone) await this.removal.idle(until.signal);
    until.clear();
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

  /** Resolves when all of the jobs have left the server, or after `totalMs`. */
  private async remove(jobIds: string[]): Promise<void> {
    const until = deadline(this.options.totalMs);
    const removals = jobIds.slice(-3).map((jobId) => this.removal.remove(jobId, until.signal));
    await Promise.all(removals).finally(until.clear);
  }

  /** Finds out whether the server is the stand-in, so that every result can say so. */
  private async recognise(signal: AbortSignal): Promise<void> {
    if (this.recognised) return;
    const sketch = await isSketch(this.http, this.options.askMs, signal);
    this.recognised = sketch !== undefined;
    if (sketch) this.kind = 'sketch';
  }
}

/** After these errors the server may still be drawing a picture that nobody waits for. */
function mayStillRun(error: unknown): boolean {
  return error instanceof EngineError && /^(aborted|timeout|unknown_outcome)$/.test(error.kind);
}
