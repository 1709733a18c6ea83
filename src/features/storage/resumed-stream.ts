import { Readable } from 'node:stream';

/** Opens the object anew, from an offset on. */
export type OpenRest = (offset: number) => Promise<Readable>;

/**
 * An object to its end, although its connection is lost on the way: the rest is asked for when the reader wants it. So
 * a reader may pause for longer than a connection to the store is kept without bytes.
 *
 * It fails when a connection has brought nothing, or the rest cannot be opened.
 */
export function resumedStream(first: Readable, openRest: OpenRest): Readable {
  let connection = quiet(first);
  let chunks = chunksOf(connection);
  let [read, readBefore] = [0, 0];

  async function next(): Promise<Buffer | null> {
    try {
      const { value = null } = await chunks.next();
      read += value?.length ?? 0;
      return value;
    } catch (error) {
      if (read === readBefore) throw error;
      readBefore = read;
      connection = quiet(await openRest(read));
      chunks = chunksOf(connection);
      return next();
    }
  }

  return new Readable({
    read() {
      next().then(
        (chunk) => this.push(chunk),
        (error: Error) => this.destroy(error),
      );
    },
    destroy(error, done) {
      connection.destroy();
      done(error);
    },
  });
}

/** It may fail while nobody reads it; whoever reads it then is told. */
function quiet(stream: Readable): Readable {
  return stream.on('error', () => {});
}

function chunksOf(stream: Readable): AsyncIterator<Buffer, undefined> {
  return stream[Symbol.asyncIterator]() as AsyncIterator<Buffer, undefined>;
}
