import { FlagError, HELP, readFlags } from './flags.js';
import type { SketchOptions } from './options.js';
import { createSketch } from './sketch-server.js';

const options = flagsOrExit();
const sketch = createSketch(options);

process.once('SIGTERM', stop);
process.once('SIGINT', stop);
// The parent has ended, and nothing else would stop this process.
process.once('disconnect', stop);

try {
  const url = await sketch.listen();
  console.log(`Sketch engine (stand-in, no GPU) listens on ${url}`);
  process.send?.({ type: 'listening', url });
} catch (error) {
  console.error(`Cannot listen on ${options.host}:${options.port}: ${(error as Error).message}.`);
  process.exit(1);
}

function stop(): void {
  void sketch.close().then(() => process.exit(0));
}

function flagsOrExit(): SketchOptions {
  const flags = readFlagsOrExit();
  if (flags !== 'help') return flags;
  process.stdout.write(HELP);
  return process.exit(0);
}

function readFlagsOrExit(): SketchOptions | 'help' {
  try {
    return readFlags(process.argv.slice(2));
  } catch (error) {
    if (!(error instanceof FlagError)) throw error;
    console.error(error.message);
    return process.exit(2);
  }
}
