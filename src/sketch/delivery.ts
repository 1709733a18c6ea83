import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Misbehaviour, MisbehaviourKind } from './misbehaviour.js';

const DRIP_MS = 50;

type Deliver = (
  response: ServerResponse,
  body: string,
  order: Misbehaviour,
) => void | Promise<void>;

const BAD_DELIVERIES: Partial<Record<MisbehaviourKind, Deliver>> = {
  drip: (response, body, order) => drip(response, body, order.bytesPerSecond),
  reset_before_headers: (response) => void response.socket?.resetAndDestroy(),
  reset_mid_body: (response, body) => resetMidBody(response, body),
  oversized_body: (response, _body, order) => sendOversized(response, order.bytes),
};

/** How to send a broken body, when the order asks for one. */
export function badDeliveryOf(order: Misbehaviour | undefined): Deliver | undefined {
  return order && BAD_DELIVERIES[order.kind];
}

function writeHead(response: ServerResponse, length: number): void {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': length });
}

function drip(response: ServerResponse, body: string, bytesPerSecond: number): Promise<void> {
  const bytes = Buffer.from(body);
  const portion = Math.max(1, Math.round((bytesPerSecond * DRIP_MS) / 1000));
  writeHead(response, bytes.length);
  response.flushHeaders();
  return new Promise((resolve) => {
    let sent = 0;
    const timer = setInterval(() => {
      response.write(bytes.subarray(sent, sent + portion));
      sent += portion;
      if (sent >= bytes.length) response.end();
    }, DRIP_MS);
    response.once('close', () => {
      clearInterval(timer);
      resolve();
    });
  });
}

function resetMidBody(response: ServerResponse, body: string): void {
  const bytes = Buffer.from(body);
  writeHead(response, bytes.length);
  // Not resetAndDestroy: a reset may overtake the first half, and then it would not be in mid-body.
  response.write(bytes.subarray(0, Math.floor(bytes.length / 2)), () => response.destroy());
}

async function sendOversized(response: ServerResponse, bytes: number): Promise<void> {
  response.writeHead(200, { 'content-type': 'application/json' });
  // The client is meant to hang up before the end.
  await pipeline(Readable.from(oversizedBody(bytes)), response).catch(() => undefined);
}

function* oversizedBody(bytes: number): Generator<string> {
  const chunk = 'A'.repeat(64 * 1024);
  yield '{"images":["';
  for (let left = bytes; left > 0; left -= chunk.length) yield chunk.slice(0, left);
  yield '"],"parameters":{},"info":"{}"}';
}
