import { createServer, request as ask, type IncomingHttpHeaders } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { atTestEnd } from '../../support/at-test-end.js';

export interface Seen {
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
}

/** Answers itself and returns true, or leaves the request to the server behind. */
export type Intercept = (seen: Seen, response: ServerResponse) => boolean | Promise<boolean>;

/** A server in front of another one: it remembers what comes, and may answer in its place. */
export async function startFront(behind: string, intercept: Intercept = () => false) {
  const seen: Seen[] = [];
  let sockets = 0;
  const server = createServer((request, response) => {
    void pass(request, response).catch(() => response.destroy());
  });
  server.on('connection', () => sockets++);

  async function pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = '';
    for await (const chunk of request.setEncoding('utf8')) body += chunk as string;
    const one = { path: request.url ?? '', headers: request.headers, body };
    seen.push(one);
    if (await intercept(one, response)) return;
    const { method, headers } = request;
    const onward = ask(behind + one.path, { method: method ?? 'GET', headers, agent: false });
    // A client that leaves is seen by the server behind as well.
    response.once('close', () => onward.destroy());
    onward.once('error', () => response.destroy());
    onward.once('response', (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(response);
    });
    onward.end(body);
  }

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  atTestEnd(async () => {
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    seen,
    seenAt: (path: string) => seen.filter((one) => one.path === path),
    sockets: () => sockets,
  };
}
