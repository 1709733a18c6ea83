import type { Listed, ListedModel } from './engine-names.js';

/**
 * The port to an image engine: one running Stable Diffusion server at one URL (a *backend*).
 * The rest of the code checks capabilities, never an engine's name.
 */
export interface ImageEngine {
  /** Kind of server, for display and for the result: `a1111`, `sketch`, … */
  readonly kind: string;
  /** Base URL without credentials; safe to log. */
  readonly url: string;

  /**
   * Sends one small request that succeeds only if the server is ready for pictures.
   *
   * @throws EngineError
   */
  ping(signal?: AbortSignal): Promise<void>;

  /**
   * Asks the server what it can do, and remembers it.
   *
   * @throws EngineError when it cannot be reached
   */
  probe(signal?: AbortSignal): Promise<EngineCapabilities>;

  /** Result of the last successful probe; undefined before it. */
  readonly capabilities?: EngineCapabilities | undefined;

  /** Jobs that the server is still drawing although nobody waits for them, as far as is known. */
  readonly leftovers?: number;

  /**
   * Makes `request.batchSize` pictures and verifies them: count, size, decodable bytes, model. A request that the
   * server is known not to support is refused before anything is drawn (`mismatch`).
   *
   * @throws EngineError; `kind` tells the caller whether to try again (see {@link EngineErrorKind}).
   */
  txt2img(request: Txt2ImgRequest, call: EngineCall): Promise<EngineResult>;
}

/** What a server can do, as it reports or as is known of its kind. An undefined field is unknown and not checked. */
export interface EngineCapabilities {
  /** Progress of one task by its id (`/internal/progress`), not only the server's global one. */
  taskProgress: boolean;
  globalProgress: boolean;
  interrupt: boolean;
  models: ListedModel[] | undefined;
  samplers: Listed[] | undefined;
  schedulers: Listed[] | undefined;
  limits: EngineLimits;
}

export interface EngineLimits {
  /** The server rounds sides that are not a multiple of this. Pixels. */
  sideMultiple?: number;
  maxSide?: number;
  maxSteps?: number;
  maxBatch?: number;
  /** Largest seed of the last picture in a batch: each picture's seed is one higher. */
  maxSeed?: number;
}

/** Everything that is sent to an engine. An allow-list: no other part of a client's request is passed on. */
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
  /** Chosen before dispatch, never -1, so that a retry makes the same picture. 0 … 2^32-1. */
  seed: number;
  batchSize: number;
  /** Checkpoint title or name; the result is refused if the engine used another one. */
  model?: string;
}

export interface EngineCall {
  /** Names the job on the engine: `task(<taskId>-a<attempt>)`. Used for progress and orphan checks. */
  jobId: string;
  /** Ids of earlier attempts of the same task that may still run there; checked and stopped first. */
  earlierJobIds: string[];
  signal: AbortSignal;
  /** Called when a slot at the server is free and the request is about to be sent. */
  onStart?(): void;
  onProgress?(progress: EngineProgress): void;
  /** Called before the call fails while its job may still be on the server. @param gone resolves when it is not */
  onLeftBehind?(gone: Promise<void>): void;
}

export interface EngineProgress {
  /** 0 … 1, as the engine reports it; never estimated by us. */
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
