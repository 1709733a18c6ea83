import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  Inject,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { messageOf } from '../../common/message-of.js';
import { SETTINGS, type Settings } from '../../config/config.module.js';
import { digestOf, matches } from '../auth/secrets.js';
import { Metrics } from './metrics.js';

/** Milliseconds and bytes. Prometheus keeps one connection open, and asks every few seconds. */
const limits = {
  requestTimeout: 5_000,
  headersTimeout: 5_000,
  keepAliveTimeout: 65_000,
  connectionsCheckingInterval: 2_000,
  maxHeaderSize: 8 * 1024,
};
const mostConnections = 50;

/** METRICS_PORT cannot be used. */
export class MetricsPortError extends Error {
  override readonly name = 'MetricsPortError';
}

/**
 * Shows the numbers of this process on a port of their own, in workers as in the API, so that Prometheus needs no key
 * of a user. One text is made at a time, and all who ask meanwhile get it.
 */
@Injectable()
export class MetricsServer implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly log = new Logger('Metrics');
  private readonly token: Buffer | undefined;
  private server: Server | undefined;
  private making: Promise<string> | undefined;

  constructor(
    private readonly metrics: Metrics,
    @Inject(SETTINGS)
    private readonly settings: Pick<Settings, 'metricsPort' | 'metricsHost' | 'metricsToken'>,
  ) {
    const { metricsToken } = settings;
    this.token = metricsToken === undefined ? undefined : digestOf(metricsToken);
  }

  /** Where it listens; undefined: it does not. */
  get url(): string | undefined {
    const address = this.server?.address() as AddressInfo | null | undefined;
    if (!address) return undefined;
    const host = address.family === 'IPv6' ? `[${address.address}]` : address.address;
    return `http://${host}:${address.port}/metrics`;
  }

  /** @throws MetricsPortError */
  async onApplicationBootstrap(): Promise<void> {
    if (!this.metrics.isOn) return;
    const { metricsPort: port, metricsHost: host } = this.settings;
    const server = createServer(limits, (request, response) => void this.answer(request, response));
    server.maxConnections = mostConnections;
    server.on('clientError', (_error, socket) => socket.destroy());
    server.listen({ port, host });
    try {
      await once(server, 'listening');
    } catch (error) {
      throw new MetricsPortError(whyNot(error, this.settings), { cause: error });
    }
    this.server = server;
    this.log.log(`The numbers of this process are at ${this.url}`);
  }

  async onApplicationShutdown(): Promise<void> {
    if (!this.server) return;
    const closed = once(this.server, 'close');
    this.server.close();
    this.server.closeAllConnections();
    await closed;
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { status, body, ...headers } = await this.answerTo(request);
    response.writeHead(status, {
      'content-type': 'text/plain; charset=utf-8',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      ...headers,
    });
    response.end(request.method === 'HEAD' ? undefined : body);
  }

  private async answerTo({ url = '', method, headers }: IncomingMessage): Promise<Answer> {
    if (!this.admits(headers.authorization)) {
      return { status: 401, body: 'A bearer token is needed.\n', 'www-authenticate': 'Bearer' };
    }
    if (!/^\/metrics(\?|$)/.test(url)) return { status: 404, body: 'The path is /metrics.\n' };
    if (method !== 'GET' && method !== 'HEAD') {
      return { status: 405, body: 'It can only be read.\n', allow: 'GET, HEAD' };
    }
    try {
      this.making ??= this.metrics.text().finally(() => (this.making = undefined));
      return { status: 200, body: await this.making, 'content-type': this.metrics.contentType };
    } catch (error) {
      this.log.warn(`The numbers could not be collected: ${messageOf(error)}`);
      return { status: 500, body: 'The numbers could not be collected; the log says why.\n' };
    }
  }

  private admits(authorization = ''): boolean {
    if (this.token === undefined) return true;
    const [, given = ''] = /^Bearer +(\S+)$/i.exec(authorization) ?? [];
    return matches(given, this.token);
  }
}

interface Answer extends Record<string, string | number> {
  status: number;
  body: string;
}

function whyNot(
  error: unknown,
  { metricsPort, metricsHost }: Pick<Settings, 'metricsPort' | 'metricsHost'>,
): string {
  switch ((error as NodeJS.ErrnoException).code) {
    case 'EADDRINUSE':
      return `Port ${metricsPort} on ${metricsHost} is taken by another program: stop it, or set METRICS_PORT to another one. Each process needs its own.`;
    case 'EACCES':
      return `This user may not listen on port ${metricsPort}: set METRICS_PORT to one above 1023.`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `This machine has no address ${metricsHost}: set METRICS_HOST to one it has.`;
    case undefined:
    default:
      return `METRICS_PORT cannot be used: ${messageOf(error)}`;
  }
}
