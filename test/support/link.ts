import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** A TCP connection to a store that a test may cut, as an outage of the store or the network does. */
export interface Link {
  /** The store's URL, by way of the link. */
  url: string;
  /** Ends every connection and refuses new ones. */
  cut(): Promise<void>;
  mend(): Promise<void>;
  /** Lets nothing through, in either direction, and says nothing: a store that was stopped. */
  freeze(): void;
  thaw(): void;
  close(): Promise<void>;
}

export async function startLink(storeUrl: string): Promise<Link> {
  const store = new URL(storeUrl);
  const sockets = new Set<Socket>();
  const pairs = new Set<[Socket, Socket]>();
  let frozen = false;
  const server = createServer((near) => {
    const far = connect(Number(store.port), store.hostname);
    const pair: [Socket, Socket] = [near, far];
    pairs.add(pair);
    if (!frozen) near.pipe(far).pipe(near);
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        pairs.delete(pair);
        near.destroy();
        far.destroy();
      });
    }
  });
  const listen = async (port: number) => once(server.listen(port, '127.0.0.1'), 'listening');
  await listen(0);
  const { port } = server.address() as { port: number };
  const url = new URL(storeUrl);
  url.host = `127.0.0.1:${port}`;
  const cut = async () => {
    const closed = once(server, 'close');
    server.close();
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  return {
    url: url.href,
    cut,
    mend: async () => {
      await listen(port);
    },
    freeze: () => {
      frozen = true;
      for (const [near, far] of pairs) {
        near.unpipe(far).pause();
        far.unpipe(near).pause();
      }
    },
    thaw: () => {
      frozen = false;
      for (const [near, far] of pairs) near.pipe(far).pipe(near);
    },
    close: async () => {
      if (server.listening) await cut();
    },
  };
}
