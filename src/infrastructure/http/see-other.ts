/** Thrown instead of a response, to send a browser to another page of this server. */
export class SeeOther extends Error {
  override readonly name = 'SeeOther';

  /** @param location a path on this server */
  constructor(readonly location: string) {
    super(`see ${location}`);
  }
}
