type Write = typeof process.stdout.write;

/** All that this process writes, with the log at its most talkative, until `stop`. Start it before a Darkroom. */
export function captureLog(): { text: () => string; stop: () => void } {
  const streams = [process.stdout, process.stderr];
  const writes = streams.map((stream) => stream.write.bind(stream));
  const level = process.env['DARKROOM_TEST_LOG'];
  process.env['DARKROOM_TEST_LOG'] = 'debug';
  let text = '';
  for (const stream of streams) {
    stream.write = (chunk: unknown) => {
      text += String(chunk);
      return true;
    };
  }
  return {
    text: () => text,
    stop: () => {
      streams.forEach((stream, i) => (stream.write = writes[i] as Write));
      if (level === undefined) delete process.env['DARKROOM_TEST_LOG'];
      else process.env['DARKROOM_TEST_LOG'] = level;
    },
  };
}
