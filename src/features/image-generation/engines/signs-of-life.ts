/** Notices when a server has reported nothing new about a job for too long, or has stopped answering. */
export class SignsOfLife {
  private told = false;
  private last: string | undefined;
  private at = performance.now();
  private heardAt = performance.now();

  /** @param answers whether the server is known to answer requests while it draws; some do not */
  constructor(
    private readonly idleMs: number,
    private answers: boolean,
  ) {}

  /** The server reported this about the job. Only a change is a sign of life. */
  said(what: string): void {
    this.told = true;
    if (what === this.last) return;
    this.last = what;
    this.at = performance.now();
  }

  /** The server answered a request, whatever the answer. */
  heard(): void {
    this.answers = true;
    this.heardAt = performance.now();
  }

  /** Another sign of life: bytes of the answer, or a place in the queue. */
  moved(): void {
    this.at = this.heardAt = performance.now();
  }

  /** Never true before the server has reported the job or answered at all: some report nothing. */
  get faded(): boolean {
    const now = performance.now();
    return (
      (this.told && now - this.at > this.idleMs) ||
      (this.answers && now - this.heardAt > this.idleMs)
    );
  }
}
