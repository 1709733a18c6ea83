import { z } from 'zod';
import { A1111Http } from './a1111-http.js';
import { A1111Progress } from './a1111-progress.js';
import { refusal } from './a1111-refusal.js';
import { verifiedResult } from './a1111-result.js';
import type {
  EngineCall,
  EngineCapabilities,
  EngineResult,
  ImageEngine,
  Txt2ImgRequest,
} from './image-engine.js';
import { Slots } from './slots.js';

/** A1111 answers only when it is done. Below the soft limit of the task, so that it is our error. */
const totalDeadlineMs = 530_000;
const askDeadlineMs = 3_000;

const models = z.array(z.object({ title: z.string() }));

/** A server of the A1111 `/sdapi/v1` family. */
export class A1111Engine implements ImageEngine {
  kind = 'a1111';
  readonly url: string;
  private readonly http: A1111Http;
  private readonly progress: A1111Progress;
  private readonly slots: Slots;
  private inFlight = 0;
  private recognised = false;

  /**
   * @param address may carry `user:password@` for Basic auth
   * @param requestsInFlight 2 hides the server's encoding time, 1 keeps strict priority
   */
  constructor(address: string, requestsInFlight: number) {
    this.http = new A1111Http(address);
    this.url = this.http.url;
    this.progress = new A1111Progress(this.http);
    this.slots = new Slots(requestsInFlight);
  }

  async probe(signal?: AbortSignal): Promise<EngineCapabilities> {
    const ask = (path: string) => this.http.get(path, askDeadlineMs, signal);
    const listed = await ask('/sdapi/v1/sd-models');
    if (listed.status !== 200) throw refusal(this.url, listed.status, listed.data, undefined);
    const body = { id_task: 'task(probe)', live_preview: false };
    const task = await this.http.post('/internal/progress', body, askDeadlineMs, signal);
    const global = await ask('/sdapi/v1/progress?skip_current_image=true');
    return {
      taskProgress: task.status === 200,
      globalProgress: global.status === 200,
      interrupt: global.status === 200,
      models: models.safeParse(listed.data).data?.map((model) => model.title) ?? [],
    };
  }

  async txt2img(request: Txt2ImgRequest, call: EngineCall): Promise<EngineResult> {
    const giveBack = await this.slots.take(call.signal);
    this.inFlight++;
    try {
      await this.recognise();
      if (call.earlierJobIds.length > 0) {
        await this.progress.stopOrphans(call.earlierJobIds, call.signal);
      }
      return await this.dispatch(request, call);
    } finally {
      this.inFlight--;
      giveBack();
    }
  }

  private async dispatch(request: Txt2ImgRequest, call: EngineCall): Promise<EngineResult> {
    const { jobId, signal } = call;
    const unfollow =
      call.onProgress &&
      this.progress.follow(
        jobId,
        () => this.inFlight === 1,
        (p) => call.onProgress?.(p),
      );
    const started = performance.now();
    try {
      const body = requestBody(request, jobId);
      const answer = await this.http.post('/sdapi/v1/txt2img', body, totalDeadlineMs, signal);
      if (answer.status !== 200) {
        throw refusal(this.url, answer.status, answer.data, answer.headers['retry-after']);
      }
      const result = await verifiedResult(request, answer.data);
      return { ...result, seconds: (performance.now() - started) / 1000 };
    } catch (error) {
      if (signal.aborted) await this.progress.stop(jobId);
      throw error;
    } finally {
      unfollow?.();
    }
  }

  /** The stand-in says so, in every result that it makes. */
  private async recognise(): Promise<void> {
    if (this.recognised) return;
    const answer = await this.http.get('/sketch/state', askDeadlineMs).catch(() => null);
    if (!answer) return;
    this.recognised = true;
    if (answer.status === 200 && 'max_in_flight' in Object(answer.data)) this.kind = 'sketch';
  }
}

/** An allow-list: nothing of a client's request reaches the server but this. */
function requestBody(request: Txt2ImgRequest, jobId: string) {
  return {
    prompt: request.prompt,
    negative_prompt: request.negativePrompt,
    seed: request.seed,
    steps: request.steps,
    cfg_scale: request.cfgScale,
    width: request.width,
    height: request.height,
    batch_size: request.batchSize,
    n_iter: 1,
    ...(request.samplerName !== undefined && { sampler_name: request.samplerName }),
    ...(request.scheduler !== undefined && { scheduler: request.scheduler }),
    ...(request.model !== undefined && {
      override_settings: { sd_model_checkpoint: request.model },
      override_settings_restore_afterwards: false,
    }),
    send_images: true,
    save_images: false,
    force_task_id: jobId,
  };
}
