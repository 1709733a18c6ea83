import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { signatureProblem, type SignedHeaders } from '../features/webhooks/webhook-signature.js';

/** Bytes; ours are at most 64 KiB. */
const maxBytes = 1_048_576;

/** A message that has arrived. */
export interface HookMessage {
  id: string | undefined;
  /** Null: there is no secret to check it with. */
  genuine: boolean | null;
  /** Why it is not. */
  problem: string | undefined;
  /** What was sent; text, if that is no JSON. */
  event: unknown;
}

/**
 * Receives webhooks. Answers 204, and 401 to a message that the secret has not signed.
 *
 * @returns its server, and the port on which it listens
 */
export async function listenForWebhooks(
  { host, port, secret }: { host: string; port: number; secret: string | undefined },
  arrived: (message: HookMessage) => Promise<void>,
): Promise<{ server: Server; port: number }> {
  const server = createServer((request, response) => {
    received(request, secret)
      .then(async (message) => {
        await arrived(message);
        response.writeHead(message.genuine === false ? 401 : 204).end();
      })
      .catch(() => response.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, host, resolve);
  });
  return { server, port: (server.address() as AddressInfo).port };
}

async function received(
  request: IncomingMessage,
  secret: string | undefined,
): Promise<HookMessage> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxBytes) throw new Error('too large');
    chunks.push(chunk);
  }
  // The signature is of the bytes as they came.
  const text = Buffer.concat(chunks).toString('utf8');
  const problem =
    secret === undefined
      ? undefined
      : signatureProblem(secret, request.headers as Partial<SignedHeaders>, text);
  return {
    id: request.headers['webhook-id'] as string | undefined,
    genuine: secret === undefined ? null : problem === undefined,
    problem,
    event: parsed(text),
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
