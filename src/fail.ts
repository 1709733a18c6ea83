import { messageOf } from './common/message-of.js';

/** One clear sentence, and the end. */
export function fail(error: unknown): never {
  process.stderr.write(`darkroom: ${sentenceOf(error)}\n`);
  process.exit(1);
}

function sentenceOf(error: unknown): string {
  const { code, address, port } = error as NodeJS.ErrnoException & {
    address?: string;
    port?: number;
  };
  switch (code) {
    case 'EADDRINUSE':
      return `Port ${port} on ${address} is taken by another program: stop it, or set PORT to another one.`;
    case 'EACCES':
      if (port === undefined) return messageOf(error);
      return `This user may not listen on port ${port}: set PORT to one above 1023.`;
    case 'EADDRNOTAVAIL':
      return `This machine has no address ${address}: set HOST to one it has.`;
    case 'ERR_PARSE_ARGS_UNKNOWN_OPTION':
    case 'ERR_PARSE_ARGS_INVALID_OPTION_VALUE':
    case 'ERR_PARSE_ARGS_UNEXPECTED_POSITIONAL':
      return `${messageOf(error).replace(/\.?$/, '.')} Usage: npm run start:worker -- --queues high_priority,low_priority --pool inline|processes --concurrency 2 --max-tasks-per-child 50 --max-memory-per-child 512`;
    case undefined:
    default:
      return messageOf(error);
  }
}
