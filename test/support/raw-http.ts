import { connect, type Socket } from 'node:net';

/** What the server wrote on a connection until it closed it. */
export interface RawAnswer {
  status: number;
  headers: Headers;
  body: string;
}

/** Sends bytes that no HTTP client would. `speak` gets the connection to say more, or nothing. */
export async function sendRaw(
  url: string,
  bytes: string | Buffer,
  speak: (socket: Socket) => void = () => {},
): Promise<RawAnswer> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.write(bytes);
  speak(socket);
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of socket) chunks.push(chunk as Buffer);
  } catch (error) {
    // The server may hang up on bytes that it does not want to read.
    if (chunks.length === 0) throw error;
  }
  return parse(Buffer.concat(chunks).toString());
}

function parse(text: string): RawAnswer {
  const [head = '', ...rest] = text.split('\r\n\r\n');
  const [first = '', ...lines] = head.split('\r\n');
  const headers = new Headers(
    lines.map((line): [string, string] => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon), line.slice(colon + 1).trim()];
    }),
  );
  return { status: Number(first.split(' ')[1]), headers, body: rest.join('\r\n\r\n') };
}
