import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect, it } from '@jest/globals';
import { atTestEnd } from '../../support/at-test-end.js';
import { Client } from 'pg';
import { QueryRunnerAlreadyReleasedError, QueryRunnerProviderAlreadyReleasedError } from 'typeorm';
import { SteadyClient } from '../../../src/infrastructure/database/steady-client.js';
import { isTransient } from '../../../src/infrastructure/database/transaction.js';

for (const error of [
  new QueryRunnerAlreadyReleasedError(),
  new QueryRunnerProviderAlreadyReleasedError(),
  new Error('Query read timeout'),
  Object.assign(new Error('terminating connection'), { code: '57P01' }),
  Object.assign(new Error('idle-in-transaction timeout'), { code: '25P03' }),
  Object.assign(new Error('canceling statement due to statement timeout'), { code: '57014' }),
  Object.assign(new Error('canceling statement due to lock timeout'), { code: '55P03' }),
]) {
  it(`${error.name}, "${error.message}" is transient`, () => {
    expect(isTransient(error)).toBe(true);
  });
}

it('a mistake in a statement is not transient', () => {
  expect(isTransient(Object.assign(new Error('syntax error'), { code: '42601' }))).toBe(false);
});

/** The messages of a Postgres: an accepted login, ready, and after it whatever `then` says. */
function postgres(then: Buffer) {
  const message = (type: string, body: Buffer) => {
    const head = Buffer.alloc(5);
    head.write(type);
    head.writeInt32BE(body.length + 4, 1);
    return Buffer.concat([head, body]);
  };
  const ready = [message('R', Buffer.alloc(4)), message('Z', Buffer.from('I'))];
  const fatal = message('E', Buffer.from('SFATAL\0C57P01\0Mgoing down\0\0'));
  return createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => {
      socket.write(Buffer.concat([...ready, then.length > 0 ? fatal : then]));
      if (then.length > 0) socket.end();
    });
  });
}

it('a FATAL in the packet of ReadyForQuery fails the next query, not the process', async () => {
  const server = postgres(Buffer.from('FATAL')).listen(0, '127.0.0.1');
  await once(server, 'listening');
  atTestEnd(() => server.close());
  const { port } = server.address() as { port: number };
  const client = new SteadyClient({ host: '127.0.0.1', port, user: 'u', database: 'd' });
  await client.connect();
  await expect(client.query('SELECT 1')).rejects.toThrow();
});

it('a connection on which a statement took too long is destroyed', async () => {
  const server = postgres(Buffer.alloc(0)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  atTestEnd(() => server.close());
  const { port } = server.address() as { port: number };
  const settings = { host: '127.0.0.1', port, user: 'u', database: 'd', query_timeout: 50 };
  const client = new SteadyClient(settings);
  expect(client).toBeInstanceOf(Client);
  await client.connect();
  const ended = new Promise((resolve) => client.once('end', resolve));
  await expect(client.query('SELECT 1')).rejects.toThrow(/Query read timeout/);
  await ended;
});
