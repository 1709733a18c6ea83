import { setTimeout as wait } from 'node:timers/promises';
import { OUT_OF_MEMORY, pythonError } from './api-error.js';
import { findCheckpoint, type Checkpoint } from './checkpoints.js';
import { EngineProgress } from './engine-progress.js';
import type { JobRecord } from './job-record.js';
import type { Txt2ImgRequest } from './txt2img-request.js';

/** Pixels of one batch that "fit on the card": eight pictures of 2048². */
const CARD_PIXELS = 8 * 2048 * 2048;

export interface EngineOptions {
  stepMs: number;
  modelSwitchMs: number;
  checkpoints: Checkpoint[];
}

/** How one job is to go wrong inside the engine. */
export interface JobFault {
  stepMs?: number;
  outOfMemory?: boolean;
  /** A failed job that never says it ended. */
  frozen?: boolean;
  /** Called when half the steps are done. */
  onHalfway?: () => void;
}

export interface Job {
  idTask: string;
  request: Txt2ImgRequest;
  seed: number;
  fault: JobFault;
}

export interface Drawn {
  checkpoint: Checkpoint;
  jobTimestamp: string;
  /** One entry per picture made: its index, and the share of the steps that ran. */
  pictures: { index: number; denoised: number }[];
}

/** One life of the engine process: the card behind its lock, the loaded checkpoint, the progress. */
export class Engine {
  readonly progress = new EngineProgress();
  private loaded: Checkpoint;
  private lock: Promise<unknown> = Promise.resolve();
  private readonly life = new AbortController();

  constructor(private readonly options: EngineOptions) {
    this.loaded = options.checkpoints[0] as Checkpoint;
  }

  get stopped(): boolean {
    return this.life.signal.aborted;
  }

  get checkpoint(): Checkpoint {
    return this.loaded;
  }

  /** Waits its turn and "draws"; rejects when this life of the engine ends. */
  run(job: Job, record: JobRecord): Promise<Drawn> {
    this.progress.queue(job.idTask);
    const turn = this.lock.then(() => this.occupy(job, record));
    this.lock = turn.catch(() => undefined);
    return turn;
  }

  /** Stops whatever runs now, whoever asked for it. */
  interrupt(): void {
    this.progress.interrupted = true;
  }

  /** Loads a checkpoint between two jobs. */
  switchTo(wanted: Checkpoint): Promise<void> {
    const turn = this.lock.then(() => this.load(wanted));
    this.lock = turn.catch(() => undefined);
    return turn;
  }

  stop(): void {
    this.life.abort();
  }

  private async load(wanted: Checkpoint): Promise<void> {
    if (wanted === this.loaded) return;
    await this.pass(this.options.modelSwitchMs);
    this.loaded = wanted;
  }

  private async occupy(job: Job, record: JobRecord): Promise<Drawn> {
    const { progress } = this;
    try {
      this.life.signal.throwIfAborted();
      record.outcome = 'running';
      record.started_at_ms = Date.now();
      progress.begin(job.idTask);
      const drawn = await this.draw(job, record);
      progress.finish(job.idTask);
      record.outcome = progress.interrupted ? 'interrupted' : 'done';
      return drawn;
    } catch (error) {
      record.outcome = this.life.signal.aborted ? 'lost' : 'failed';
      if (!job.fault.frozen) progress.finish(job.idTask);
      throw error;
    } finally {
      record.finished_at_ms = Date.now();
      progress.end();
    }
  }

  private async draw(job: Job, record: JobRecord): Promise<Drawn> {
    const { request } = job;
    const before = this.loaded;
    const wanted = request.override_settings['sd_model_checkpoint'];
    const known =
      typeof wanted === 'string' ? findCheckpoint(this.options.checkpoints, wanted) : undefined;
    // Without `known`, the loaded checkpoint draws and nobody is told: A1111 does the same.
    if (known) await this.load(known);
    const checkpoint = this.loaded;
    record.model = checkpoint.model_name;

    if (
      job.fault.outOfMemory ||
      request.width * request.height * request.batch_size > CARD_PIXELS
    ) {
      await this.pass(this.options.stepMs);
      throw pythonError(500, 'OutOfMemoryError', OUT_OF_MEMORY);
    }
    const pictures = await this.sample(job);
    if (known && request.override_settings_restore_afterwards) await this.load(before);
    return { checkpoint, pictures, jobTimestamp: this.progress.jobTimestamp };
  }

  private async sample({ request, fault }: Job): Promise<Drawn['pictures']> {
    const { progress } = this;
    const pictures: Drawn['pictures'] = [];
    const half = Math.floor((request.steps * request.n_iter) / 2);
    let done = 0;
    progress.jobCount = request.n_iter;
    progress.samplingSteps = request.steps;
    for (let round = 0; round < request.n_iter; round++) {
      progress.jobNo = round;
      progress.samplingStep = 0;
      while (progress.samplingStep < request.steps) {
        if (done === half) fault.onHalfway?.();
        if (progress.interrupted) break;
        await this.pass(fault.stepMs ?? this.options.stepMs);
        progress.samplingStep += 1;
        done += 1;
      }
      const denoised = progress.samplingStep / request.steps;
      for (let i = 0; i < request.batch_size; i++) {
        pictures.push({ index: round * request.batch_size + i, denoised });
      }
      if (progress.interrupted) break;
    }
    return pictures;
  }

  private pass(ms: number): Promise<void> {
    return wait(ms, undefined, { signal: this.life.signal });
  }
}
