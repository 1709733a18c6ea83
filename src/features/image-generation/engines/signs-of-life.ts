/** Notices that a server has told nothing new of a job for too long, or answers no question any more. */
export class SignsOfLife {
  private told = false;
  private last: string | undefined;
  private at = performance.now();
  private heardAt = performance.now();

  /** @param answers whether the server is known to answer questions while it draws; some do not */
  constructor(
    private readonly idleMs: number,
    private answers: boolean,
  ) {}

  /** What the server said of the job: only something else than last time is a sign of life. */
  said(what: string): void {
    this.told = true;
    if (what === this.last) return;
    this.last = what;
    this.at = performance.now();
  }

  /** The server answered a question, whatever it said. */
  heard(): void {
    this.answers = true;
    this.heardAt = performance.now();
  }

  /** A sign of life of another kind: bytes of the answer, a place in the queue. */
  moved(): void {
    this.at = this.heardAt = performance.now();
  }

  /** Never before the server told of the job, or answered at all: some tell nothing. */
  get faded(): boolean {
    const now = performance.now();
    return (
      (this.told && now - this.at > this.idleMs) ||
      (this.answers && now - this.heardAt > this.idleMs)
    );
  }
}
