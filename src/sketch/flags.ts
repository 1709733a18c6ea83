import { parseArgs } from 'node:util';
import { defaultOptions, type SketchMode, type SketchOptions } from './options.js';

/** A flag that the program cannot use; `message` is one sentence for the person at the terminal. */
export class FlagError extends Error {
  override readonly name = 'FlagError';
}

export const HELP = `The sketch engine: speaks the Stable Diffusion web API (/sdapi/v1), but only sketches.

  --mode <a1111|sd-server>  whose manners it has (default a1111)
  --port <n>             port, 0 for any free one (default 0)
  --host <address>       address to listen on (default 127.0.0.1)
  --step-ms <n>          time of one sampling step (default 40)
  --auth <user:pass>     Basic authentication on /sdapi
  --nowebui              without /internal/progress and /internal/ping
  --format <png|jpg|webp>  format of the pictures (default png)
  --grid                 a grid before the pictures of a batch
  --model-switch-ms <n>  time to load another checkpoint (default 500)
  --models <a,b>         checkpoint names, the first is loaded (default sketch-v1,sketch-v2)
  --help                 this text
`;

/** @throws FlagError */
export function readFlags(args: string[]): SketchOptions | 'help' {
  const flags = parse(args);
  if (flags.help) return 'help';
  return {
    mode: mode(flags.mode),
    host: flags.host ?? defaultOptions.host,
    port: wholeNumber('--port', flags.port, defaultOptions.port, 65_535),
    stepMs: wholeNumber('--step-ms', flags['step-ms'], defaultOptions.stepMs),
    modelSwitchMs: wholeNumber(
      '--model-switch-ms',
      flags['model-switch-ms'],
      defaultOptions.modelSwitchMs,
    ),
    models: modelNames(flags.models),
    auth: userAndPassword(flags.auth),
    nowebui: flags.nowebui ?? false,
    format: pictureFormat(flags.format),
    grid: flags.grid ?? false,
  };
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        mode: { type: 'string' },
        port: { type: 'string' },
        host: { type: 'string' },
        'step-ms': { type: 'string' },
        auth: { type: 'string' },
        nowebui: { type: 'boolean' },
        format: { type: 'string' },
        grid: { type: 'boolean' },
        'model-switch-ms': { type: 'string' },
        models: { type: 'string' },
        help: { type: 'boolean' },
      },
    }).values;
  } catch (error) {
    // Node's first sentence names the flag; the rest explains positionals.
    const [sentence] = (error as Error).message.split(/[.\n]/);
    throw new FlagError(`${sentence}; see --help.`, { cause: error });
  }
}

function wholeNumber(
  flag: string,
  text: string | undefined,
  fallback: number,
  max = 3_600_000,
): number {
  if (text === undefined) return fallback;
  const value = Number(text);
  if (!/^\d+$/.test(text) || value > max) {
    throw new FlagError(`${flag} must be a whole number from 0 to ${max}, not '${text}'.`);
  }
  return value;
}

function modelNames(text: string | undefined): string[] {
  if (text === undefined) return defaultOptions.models;
  const names = text.split(',').map((name) => name.trim());
  if (names.includes('') || new Set(names).size < names.length) {
    throw new FlagError(`--models must be different names separated by commas, not '${text}'.`);
  }
  return names;
}

function userAndPassword(text: string | undefined): string | undefined {
  if (text !== undefined && !/^[^:]+:./.test(text))
    throw new FlagError('--auth must look like user:password.');
  return text;
}

function mode(text: string | undefined): SketchMode {
  if (text === undefined) return defaultOptions.mode;
  if (text === 'a1111' || text === 'sd-server') return text;
  throw new FlagError(`--mode must be a1111 or sd-server, not '${text}'.`);
}

function pictureFormat(text: string | undefined): SketchOptions['format'] {
  switch (text) {
    case undefined:
      return defaultOptions.format;
    case 'png':
    case 'jpg':
    case 'webp':
      return text;
    default:
      throw new FlagError(`--format must be png, jpg or webp, not '${text}'.`);
  }
}
