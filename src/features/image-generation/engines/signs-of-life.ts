/** Notices that a server which told of a job has told nothing new for too long. */
export class SignsOfLife {
  private told = false;
  private last: string | undefined;
  private at = performance.now();

  constructor(private readonly idleMs: number) {}

  /** What the server said of the job: only something else than last time is a sign of life. */
  said(what: string): void {
    this.told = true;
    if (what === this.last) return;
    this.last = what;
    this.at = performance.now();
  }

  /** A sign of life of another kind: bytes of the answer, a place in the queue. */
  moved(): void {
    this.at = performance.now();
  }

  /** Never before the server told of the job: some tell nothing at all. */
  get faded(): boolean {
    return this.told && performance.now() - this.at > this.idleMs;
  }
}
