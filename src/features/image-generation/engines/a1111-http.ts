import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { AxiosError, create, type AxiosInstance, type AxiosResponse } from 'axios';
import { EngineError } from './engine-error.js';

const maxBodyBytes = 64 * 1024 * 1024;
/** Below the 5 s after which the quickest server of the family closes an idle connection. */
const agentOptions = { keepAlive: true, keepAliveMsecs: 1_000, timeout: 4_000 };

/** A client bound to one server: no proxy, no redirect, capped bodies. Errors are EngineErrors. */
export class A1111Http {
  /** Without credentials. */
  readonly url: string;
  private readonly client: AxiosInstance;

  constructor(address: string) {
    const url = new URL(address);
    const auth = url.username
      ? { username: decodeURIComponent(url.username), password: decodeURIComponent(url.password) }
      : undefined;
    url.username = url.password = '';
    this.url = url.href.replace(/\/$/, '');
    this.client = create({
      baseURL: this.url,
      ...(auth && { auth }),
      proxy: false,
      maxRedirects: 0,
      allowAbsoluteUrls: false,
      headers: { 'accept-encoding': 'identity' },
      decompress: false,
      maxContentLength: maxBodyBytes,
      maxBodyLength: 1024 * 1024,
      httpAgent: new HttpAgent(agentOptions),
      httpsAgent: new HttpsAgent(agentOptions),
      validateStatus: () => true,
    });
  }

  async get(path: string, timeoutMs: number, signal?: AbortSignal): Promise<AxiosResponse> {
    return this.ask('GET', path, undefined, timeoutMs, signal);
  }

  async post(path: string, body: unknown, timeoutMs: number, signal?: AbortSignal) {
    return this.ask('POST', path, body, timeoutMs, signal);
  }

  private async ask(
    method: string,
    url: string,
    data: unknown,
    timeoutMs: number,
    signal?: AbortSignal,
  ): Promise<AxiosResponse> {
    const deadline = AbortSignal.timeout(timeoutMs);
    try {
      return await this.client.request({
        method,
        url,
        data,
        signal: signal ? AbortSignal.any([signal, deadline]) : deadline,
      });
    } catch (error) {
      if (signal?.aborted)
        throw new EngineError('aborted', 'The call was stopped.', { cause: error });
      if (deadline.aborted) {
        throw new EngineError('timeout', `${this.url} did not answer in time.`);
      }
      throw this.connectionError(error);
    }
  }

  private connectionError(error: unknown): EngineError {
    const code = error instanceof AxiosError ? error.code : undefined;
    // The error of axios holds the request with its credentials: only its code goes on.
    const cause = new Error(code ?? 'connection failed');
    if (code === 'ERR_BAD_RESPONSE') {
      return new EngineError('bad_result', `${this.url} sent a broken or oversized answer.`, {
        cause,
      });
    }
    if (
      /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT)$/.test(code ?? '')
    ) {
      return new EngineError('unavailable', `${this.url} cannot be reached.`, { cause });
    }
    return new EngineError('unknown_outcome', `The connection to ${this.url} broke.`, { cause });
  }
}
