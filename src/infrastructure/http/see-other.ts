/** Thrown where an answer is expected, to send a browser to another page of ours. */
export class SeeOther extends Error {
  override readonly name = 'SeeOther';

  /** @param location a path on this server */
  constructor(readonly location: string) {
    super(`see ${location}`);
  }
}
