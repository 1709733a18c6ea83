const FINISHED_KEPT = 16;

/** The one global `state` of A1111: of whatever job runs now, or of the last one. */
export class EngineProgress {
  job = '';
  /** 0 when idle, -1 from the start of a job until its pictures are counted. */
  jobCount = 0;
  jobNo = 0;
  samplingStep = 0;
  samplingSteps = 0;
  interrupted = false;
  jobTimestamp = '0';
  current: string | null = null;
  readonly pending = new Set<string>();
  private finished: string[] = [];
  private startedAt = 0;

  queue(idTask: string): void {
    this.pending.add(idTask);
  }

  /** Forgets an interrupt sent before: it is lost, as in A1111. */
  begin(idTask: string): void {
    this.job = 'scripts_txt2img';
    this.jobCount = -1;
    this.jobNo = 0;
    this.samplingStep = 0;
    this.interrupted = false;
    this.jobTimestamp = new Date().toISOString().replaceAll(/\D/g, '').slice(0, 14);
    this.startedAt = performance.now();
    this.current = idTask;
    this.pending.delete(idTask);
  }

  finish(idTask: string): void {
    if (this.current === idTask) this.current = null;
    this.finished = [...this.finished, idTask].slice(-FINISHED_KEPT);
  }

  end(): void {
    this.job = '';
    this.jobCount = 0;
  }

  /** `GET /sdapi/v1/progress`. */
  global() {
    // A1111 adds this much, so as never to divide by zero.
    const progress = this.jobCount === 0 ? 0 : Math.min(1, 0.01 + this.fraction());
    const elapsed = (performance.now() - this.startedAt) / 1000;
    return {
      progress,
      eta_relative: progress === 0 ? 0 : elapsed / progress - elapsed,
      state: {
        skipped: false,
        interrupted: this.interrupted,
        stopping_generation: false,
        job: this.job,
        job_count: this.jobCount,
        job_timestamp: this.jobTimestamp,
        job_no: this.jobNo,
        sampling_step: this.samplingStep,
        sampling_steps: this.samplingSteps,
      },
      current_image: null,
      textinfo: null,
    };
  }

  /** `POST /internal/progress`. A failed job stays `current`, and so active at 0, until the next begins. */
  ofTask(idTask: string | null, idLivePreview: number) {
    const active = idTask === this.current;
    const queued = idTask !== null && this.pending.has(idTask);
    const status = { active, queued, completed: idTask !== null && this.finished.includes(idTask) };
    if (!active) {
      return {
        ...status,
        progress: null,
        eta: null,
        live_preview: null,
        id_live_preview: -1,
        textinfo: queued ? this.placeInQueue(idTask) : 'Waiting...',
      };
    }
    const progress = Math.min(1, this.fraction());
    const elapsed = (performance.now() - this.startedAt) / 1000;
    return {
      ...status,
      progress,
      eta: progress > 0 ? elapsed / progress - elapsed : null,
      live_preview: null,
      id_live_preview: idLivePreview,
      textinfo: null,
    };
  }

  private placeInQueue(idTask: string): string {
    return `In queue: ${[...this.pending].indexOf(idTask) + 1}/${this.pending.size}`;
  }

  private fraction(): number {
    if (this.jobCount <= 0) return 0;
    const ofThisRound = this.samplingSteps > 0 ? this.samplingStep / this.samplingSteps : 0;
    return (this.jobNo + ofThisRound) / this.jobCount;
  }
}
