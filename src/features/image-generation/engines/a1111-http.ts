import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import {
  create,
  type AxiosError,
  type AxiosInstance,
  type AxiosRequestConfig,
  type AxiosResponse,
} from 'axios';
import { deadline, DeadlineExceeded } from '../../../common/deadline.js';
import { EngineError } from './engine-errors.js';

const maxBodyBytes = 64 * 1024 * 1024;
/** Below 5 s: the strictest server of the family closes an idle connection then. */
const agentOptions = { keepAlive: true, keepAliveMsecs: 1_000, timeout: 4_000 };

const unreachable =
  /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|EHOSTDOWN|ENETDOWN|ETIMEDOUT)$/;
/** The TLS handshake failed, so nothing was sent. */
const noTls =
  /^(EPROTO|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|ERR_TLS_|ERR_SSL_|HOSTNAME_MISMATCH)/;

export interface AskOptions {
  signal?: AbortSignal | undefined;
  /** Called while the answer arrives. */
  onBytes?: () => void;
}

/** A client for one server: no proxy, no redirects, limited body sizes. Its errors are EngineErrors. */
export class A1111Http {
  /** Contains no credentials. */
  readonly url: string;
  private readonly client: AxiosInstance;

  constructor(address: string) {
    const url = new URL(address);
    const auth = url.username
      ? { username: decodeURIComponent(url.username), password: decodeURIComponent(url.password) }
      : undefined;
    url.username = url.password = url.search = url.hash = '';
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

  async get(path: string, timeoutMs: number, options: AskOptions = {}): Promise<AxiosResponse> {
    return this.ask({ method: 'GET', url: path }, timeoutMs, options);
  }

  async post(path: string, data: unknown, timeoutMs: number, options: AskOptions = {}) {
    return this.ask({ method: 'POST', url: path, data }, timeoutMs, options);
  }

  private async ask(
    request: AxiosRequestConfig,
    timeoutMs: number,
    { signal, onBytes }: AskOptions,
  ): Promise<AxiosResponse> {
    const stop = deadline(timeoutMs, signal);
    try {
      return await this.client.request({
        ...request,
        signal: stop.signal,
        ...(onBytes && { onDownloadProgress: onBytes }),
      });
    } catch (error) {
      // Errors of axios contain the request with its credentials: only their code is passed on.
      if (stop.signal.aborted) throw stopped(stop.signal.reason);
      throw this.connectionError(error);
    } finally {
      stop.clear();
    }
  }

  private connectionError(error: unknown): EngineError {
    const { code = 'connection failed', message } = error as Partial<AxiosError>;
    const say = (kind: EngineError['kind'], what: string) =>
      new EngineError(kind, what, { cause: new Error(code) });
    if (message?.startsWith('maxContentLength')) {
      return say('bad_result', `${this.url} sent an oversized answer.`);
    }
    if (unreachable.test(code)) return say('unavailable', `${this.url} cannot be reached.`);
    if (noTls.test(code)) return say('misconfigured', `${this.url} does not speak trusted TLS.`);
    return say('unknown_outcome', `The connection to ${this.url} broke.`);
  }
}

/** The error for a call that one of our signals ended before its answer. */
export function stopped(reason: unknown): EngineError {
  if (reason instanceof EngineError) return reason;
  if (reason instanceof DeadlineExceeded) {
    return new EngineError('timeout', 'The Stable Diffusion server did not answer in time.');
  }
  return new EngineError('aborted', 'The call was stopped.', { cause: reason });
}
