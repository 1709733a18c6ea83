import type { AxiosResponse } from 'axios';
import { within } from '../../../common/deadline.js';
import { stopped, type A1111Http } from './a1111-http.js';

/**
 * A request for pictures. It stays open when its caller stops waiting: on a server that cannot be told to
 * stop, only the end of the request shows that the job has ended.
 */
export class SentRequest {
  private readonly cut = new AbortController();
  private readonly answering: Promise<AxiosResponse>;
  /** Resolves with true when the server has answered, with false when the connection broke or was closed. */
  readonly ended: Promise<boolean>;

  constructor(http: A1111Http, body: unknown, onBytes: () => void) {
    const options = { signal: this.cut.signal, onBytes };
    this.answering = http.post('/sdapi/v1/txt2img', body, Infinity, options);
    this.ended = this.answering.then(
      () => true,
      () => false,
    );
  }

  /** @throws EngineError; made from the signal's reason when that fires first */
  async answer(stop: AbortSignal): Promise<AxiosResponse> {
    try {
      return await within(Infinity, this.answering, undefined, stop);
    } catch (error) {
      throw stop.aborted ? stopped(stop.reason) : error;
    }
  }

  hangUp(): void {
    this.cut.abort();
  }
}
