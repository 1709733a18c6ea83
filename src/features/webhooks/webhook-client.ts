import type { LookupAddress } from 'node:dns';
import { Agent as HttpAgent, type AgentOptions } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { isIP } from 'node:net';
import type { Readable } from 'node:stream';
import { Injectable } from '@nestjs/common';
import { create } from 'axios';
import { deadline, onAbort, within } from '../../common/deadline.js';
import {
  DeliveryRefused,
  errorOf,
  errorOfStatus,
  excerptOf,
  retryAfterMs,
  type HookAnswer,
} from './webhook-answer.js';
import { WebhookDns } from './webhook-dns.js';
import { WebhookUrls } from './webhook-urls.js';

/** For everything: DNS, the connection, the request and all of the answer. Milliseconds. */
const patienceMs = 15_000;
/** What is read of an answer. */
const maxAnswerBytes = 65_536;

type Lookup = NonNullable<AgentOptions['lookup']>;

/**
 * Posts to addresses that strangers have chosen. A host's addresses are all looked up and checked, and the connection is
 * made to one of these: a name that means something else a moment later (DNS rebinding) has no effect.
 */
@Injectable()
export class WebhookClient {
  private readonly http = create({
    proxy: false,
    maxRedirects: 0,
    decompress: false,
    responseType: 'stream',
    validateStatus: () => true,
    // Our own JSON, as it was signed.
    transformRequest: (body: string) => body,
  });

  constructor(
    private readonly urls: WebhookUrls,
    private readonly dns: WebhookDns,
  ) {}

  /** @throws the reason of `signal` when that fires; whatever else happens is an answer */
  async post(
    url: string,
    headers: object,
    body: string,
    signal?: AbortSignal,
  ): Promise<HookAnswer> {
    const began = performance.now();
    const end = deadline(patienceMs, signal);
    let status: number | null = null;
    const answer = (more: Pick<HookAnswer, 'error'> & Partial<HookAnswer>): HookAnswer => ({
      status,
      response: null,
      retryAfterMs: 0,
      latencyMs: Math.round(performance.now() - began),
      ...more,
    });
    try {
      const agents = await this.agents(url, end.signal);
      const got = await this.http.post<Readable>(url, body, {
        ...agents,
        headers: {
          ...headers,
          'content-type': 'application/json',
          'user-agent': 'Darkroom-Webhooks',
          'accept-encoding': 'identity',
        },
        signal: end.signal,
      });
      status = got.status;
      const bytes = await firstBytes(got.data, end.signal);
      return answer({
        error: errorOfStatus(status),
        response: excerptOf(bytes),
        retryAfterMs: [429, 503].includes(status) ? retryAfterMs(got.headers['retry-after']) : 0,
      });
    } catch (error) {
      signal?.throwIfAborted();
      return answer({ error: errorOf(end.signal.aborted ? end.signal.reason : error) });
    } finally {
      end.clear();
    }
  }

  /** Agents that connect to the checked addresses and no others, whatever is looked up later. */
  private async agents(url: string, signal: AbortSignal) {
    if (this.urls.problemOf(url) !== undefined) throw new DeliveryRefused('address_refused');
    const host = new URL(url).hostname.replace(/^\[|\]$/g, '');
    const checked = await this.checkedAddresses(host, signal);
    const lookup: Lookup = (_host, { all }, answer) =>
      all ? answer(null, checked) : answer(null, checked[0]!.address, checked[0]!.family);
    const options = { lookup, keepAlive: false };
    return { httpAgent: new HttpAgent(options), httpsAgent: new HttpsAgent(options) };
  }

  /** @throws DeliveryRefused when one of them is not allowed: an honest host has no such address */
  private async checkedAddresses(host: string, signal: AbortSignal): Promise<LookupAddress[]> {
    const version = isIP(host);
    const found =
      version === 0 ? await this.lookUp(host, signal) : [{ address: host, family: version }];
    if (found.every(({ address }) => this.urls.mayConnect(host, address))) return found;
    throw new DeliveryRefused('address_refused');
  }

  private async lookUp(host: string, signal: AbortSignal): Promise<LookupAddress[]> {
    const asked = this.urls.isTrusted(host)
      ? this.dns.trustedAddressesOf(host)
      : this.dns.addressesOf(host, signal);
    try {
      return await within(patienceMs, asked, undefined, signal);
    } catch {
      signal.throwIfAborted();
      throw new DeliveryRefused('dns_failed');
    }
  }
}

/** Reads until the answer ends or is long enough. @throws when it breaks off, or when `signal` fires */
async function firstBytes(stream: Readable, signal: AbortSignal): Promise<Buffer> {
  const forget = onAbort(signal, () => stream.destroy(signal.reason as Error));
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      length += chunk.length;
      if (length >= maxAnswerBytes) break;
    }
    return Buffer.concat(chunks);
  } finally {
    forget();
    stream.destroy();
  }
}
