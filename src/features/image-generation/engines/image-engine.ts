/**
 * The port to an image engine: one running Stable Diffusion server at one URL (a *backend*).
 * The rest of the code asks for capabilities, never for an engine's name.
 */
export interface ImageEngine {
  /** Kind of server, for people and for the result: `a1111`, `sketch`, … */
  readonly kind: string;
  /** Base URL without credentials; safe to log. */
  readonly url: string;

  /**
   * One small question that only a server which can be sent requests answers well.
   *
   * @throws EngineError
   */
  ping(signal?: AbortSignal): Promise<void>;

  /** Asks the server what it can do. Rejects with {@link EngineError} when it cannot be reached. */
  probe(signal?: AbortSignal): Promise<EngineCapabilities>;

  /**
   * Makes `request.batchSize` pictures and verifies them: count, size, decodable bytes, model.
   *
   * @throws EngineError; `kind` tells the caller whether to try again (see {@link EngineErrorKind}).
   */
  txt2img(request: Txt2ImgRequest, call: EngineCall): Promise<EngineResult>;
}

export interface EngineCapabilities {
  /** Progress of one task by its id (`/internal/progress`), not only the server's global one. */
  taskProgress: boolean;
  globalProgress: boolean;
  interrupt: boolean;
  models: string[];
}

/** Everything an engine may be told. Allow-listed: nothing else of a client's request gets through. */
export interface Txt2ImgRequest {
  prompt: string;
  negativePrompt: string;
  /** Pixels, multiples of 8. */
  width: number;
  height: number;
  steps: number;
  cfgScale: number;
  samplerName?: string;
  scheduler?: string;
  /** Fixed before dispatch, never -1: a repeated attempt makes the same picture. 0 … 2^32-1. */
  seed: number;
  batchSize: number;
  /** Checkpoint title or name; the result is refused when the engine used another one. */
  model?: string;
}

export interface EngineCall {
  /** Names the job on the engine: `task(<taskId>-a<attempt>)`. Used for progress and orphan checks. */
  jobId: string;
  /** Ids of earlier attempts of the same task that may still run there; checked and stopped first. */
  earlierJobIds: string[];
  signal: AbortSignal;
  onProgress?(progress: EngineProgress): void;
}

export interface EngineProgress {
  /** 0 … 1, as the engine says it; never invented. */
  fraction: number;
  step: number | null;
  steps: number | null;
  etaSeconds: number | null;
  /** Waiting in the engine's own queue, not yet drawn. */
  queued: boolean;
}

export interface EngineResult {
  images: EngineImage[];
  model: string | null;
  modelHash: string | null;
  /** Wall time of the call in seconds, by the monotonic clock. */
  seconds: number;
}

export interface EngineImage {
  bytes: Buffer;
  contentType: 'image/png' | 'image/jpeg' | 'image/webp';
  width: number;
  height: number;
  seed: number;
}
