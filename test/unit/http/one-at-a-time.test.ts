import { once } from 'node:events';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import Fastify, { type FastifyInstance } from 'fastify';
import { UnavailableError } from '../../../src/common/app-error.js';
import { handleOneAtATime } from '../../../src/infrastructure/http/one-at-a-time.js';
import { eventually } from '../../support/eventually.js';

let server: FastifyInstance;
/** Lets a request end, by its path. */
let held: Map<string, () => void>;
let sockets: Socket[];
let refusals: unknown[];

beforeEach(async () => {
  [held, sockets, refusals] = [new Map(), [], []];
  server = Fastify({ forceCloseConnections: true });
  handleOneAtATime(server, 4);
  server.setErrorHandler((error, _, reply) => {
    refusals.push(error);
    return reply.status(503).send();
  });
  server.get('/:name', ({ url }) => new Promise((resolve) => held.set(url, () => resolve(url))));
  await server.listen({ port: 0, host: '127.0.0.1' });
});
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await server.close();
});

/** Sends the requests together, on a connection of their own. */
function send(...names: string[]): { socket: Socket; received: () => string } {
  const socket = connect((server.server.address() as AddressInfo).port, '127.0.0.1');
  sockets.push(socket);
  let text = '';
  socket.on('error', () => {}).on('data', (chunk: Buffer) => (text += chunk.toString()));
  socket.write(names.map((name) => `GET /${name} HTTP/1.1\r\nHost: x\r\n\r\n`).join(''));
  return { socket, received: () => text };
}

const begun = (name: string) => eventually(`${name} has begun`, () => held.has(`/${name}`));

it('a new request is refused while as many connections as may have one (security 21)', async () => {
  for (const name of ['a', 'b', 'c', 'd']) {
    send(name);
    await begun(name);
  }
  const more = send('e');
  await eventually('it is refused', () => more.received().startsWith('HTTP/1.1 503'));
  expect(refusals).toEqual([expect.any(UnavailableError)]);
  held.get('/a')!();
  await eventually('one is over', () => server.server.listening && sockets[0]!.bytesRead > 0);
  more.socket.write('GET /f HTTP/1.1\r\nHost: x\r\n\r\n');
  await begun('f');
});

it('the longest line makes room, and what waited in it never runs', async () => {
  const short = send('a');
  await begun('a');
  const long = send('b', 'c', 'd');
  await begun('b');
  send('e');
  await begun('e');
  await (long.socket.closed || once(long.socket, 'close'));
  expect(short.socket.closed).toBe(false);
  held.get('/b')!();
  // There is room for two more.
  send('f');
  await begun('f');
  send('g');
  await begun('g');
  expect([...held.keys()]).toEqual(['/a', '/b', '/e', '/f', '/g']);
  expect(refusals).toEqual([]);
});
