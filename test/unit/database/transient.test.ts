import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { it } from 'node:test';
import { Client } from 'pg';
import { QueryRunnerAlreadyReleasedError, QueryRunnerProviderAlreadyReleasedError } from 'typeorm';
import { SteadyClient } from '../../../src/infrastructure/database/steady-client.js';
import { isTransient } from '../../../src/infrastructure/database/transaction.js';

for (const error of [
  new QueryRunnerAlreadyReleasedError(),
  new QueryRunnerProviderAlreadyReleasedError(),
  new Error('Query read timeout'),
  Object.assign(new Error('terminating connection'), { code: '57P01' }),
]) {
  it(`${error.name}, "${error.message}": the same may succeed later`, () => {
    assert.equal(isTransient(error), true);
  });
}

it('a mistake in a statement is none of them', () => {
  assert.equal(isTransient(Object.assign(new Error('syntax error'), { code: '42601' })), false);
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

it('a FATAL in the packet of ReadyForQuery fails the next query, not the process', async (t) => {
  const server = postgres(Buffer.from('FATAL')).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const { port } = server.address() as { port: number };
  const client = new SteadyClient({ host: '127.0.0.1', port, user: 'u', database: 'd' });
  await client.connect();
  await assert.rejects(client.query('SELECT 1'));
});

it('a connection on which a statement took too long is destroyed', async (t) => {
  const server = postgres(Buffer.alloc(0)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const { port } = server.address() as { port: number };
  const settings = { host: '127.0.0.1', port, user: 'u', database: 'd', query_timeout: 50 };
  const client = new SteadyClient(settings);
  assert.ok(client instanceof Client);
  await client.connect();
  const ended = new Promise((resolve) => client.once('end', resolve));
  await assert.rejects(client.query('SELECT 1'), /Query read timeout/);
  await ended;
});
