import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Fails when the port cannot be used, before anything else has started.
 *
 * @throws Error of Node with its `code`, `address` and `port`
 */
export async function checkPort({ port, host }: { port: number; host: string }): Promise<void> {
  const server = createServer();
  server.listen({ port, host });
  await once(server, 'listening');
  server.close();
  await once(server, 'close');
}
