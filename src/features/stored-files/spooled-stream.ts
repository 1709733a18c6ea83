import { Readable } from 'node:stream';

/** The bytes from an offset on: a piece of the spool, or all of the object when they have gone to storage meanwhile. */
export type ReadOn = (offset: number) => Promise<Buffer | Readable>;

/**
 * Bytes of the spool, read piece by piece, as fast as the reader takes them.
 *
 * @param first the piece at the beginning
 * @param bytes how many there are in all
 */
export function spooledStream(first: Buffer, bytes: number, readOn: ReadOn): Readable {
  return Readable.from(pieces(first, bytes, readOn), { objectMode: false, highWaterMark: 1 });
}

async function* pieces(first: Buffer, bytes: number, readOn: ReadOn): AsyncGenerator<Buffer> {
  yield first;
  for (let sent = first.length; sent < bytes;) {
    const next = await readOn(sent);
    if (next instanceof Readable) {
      yield* withoutBeginning(next, sent);
      return;
    }
    if (next.length === 0) throw new Error(`The spool has ${sent} bytes instead of ${bytes}.`);
    yield next;
    sent += next.length;
  }
}

async function* withoutBeginning(stream: Readable, known: number): AsyncGenerator<Buffer> {
  let passed = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    const fresh = chunk.subarray(Math.max(0, known - passed));
    passed += chunk.length;
    if (fresh.length > 0) yield fresh;
  }
}
