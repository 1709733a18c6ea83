import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import {
  signatureProblem,
  type SignedHeaders,
} from '../../src/features/webhooks/webhook-signature.js';
import { atTestEnd } from './at-test-end.js';

/** A message as it arrived. */
export interface Received {
  path: string;
  headers: IncomingMessage['headers'];
  text: string;
  body: { type: string; timestamp: string; sequence: number; data: Record<string, unknown> };
}

export type Behaviour = (response: ServerResponse, request: IncomingMessage) => void;

/** Receives webhooks, on loopback. */
export interface HookReceiver {
  url: string;
  port: number;
  received: Received[];
  /** How the next requests are answered; at first with 204. */
  behave: (behaviour: Behaviour) => void;
  /** Ids of the messages whose signature is that of the secret. */
  genuine: (secret: string) => string[];
  close: () => void;
}

export const answering =
  (status: number, headers: Record<string, string> = {}, body = ''): Behaviour =>
  (response) =>
    response.writeHead(status, headers).end(body);

/** For one test. */
export async function startReceiver(options?: ReceiverOptions): Promise<HookReceiver> {
  const receiver = await openReceiver(options);
  atTestEnd(receiver.close);
  return receiver;
}

interface ReceiverOptions {
  host?: string;
  port?: number;
  tls?: ServerOptions;
}

/** Until `close` is called. */
export async function openReceiver(options: ReceiverOptions = {}): Promise<HookReceiver> {
  const { host = '127.0.0.1', tls } = options;
  const received: Received[] = [];
  let behaviour = answering(204);
  const take = async (request: IncomingMessage, response: ServerResponse) => {
    let text = '';
    for await (const chunk of request.setEncoding('utf8')) text += chunk;
    const body = JSON.parse(text) as Received['body'];
    received.push({ path: request.url!, headers: request.headers, text, body });
    behaviour(response, request);
  };
  const listener = (request: IncomingMessage, response: ServerResponse) =>
    void take(request, response).catch(() => response.destroy());
  const server: Server = tls ? createTlsServer(tls, listener) : createServer(listener);
  await new Promise<void>((resolve) => server.listen(options.port ?? 0, host, resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `${tls ? 'https' : 'http'}://${host}:${port}/hook`,
    port,
    received,
    behave: (next) => (behaviour = next),
    genuine: (secret) =>
      received
        .filter(({ headers, text }) => {
          return signatureProblem(secret, headers as Partial<SignedHeaders>, text) === undefined;
        })
        .map(({ headers }) => headers['webhook-id'] as string),
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
