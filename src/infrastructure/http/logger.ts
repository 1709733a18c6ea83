import { ConsoleLogger, type ConsoleLoggerOptions, type LogLevel } from '@nestjs/common';
import type { Settings } from '../../config/config.module.js';

const levels: Record<Settings['logLevel'], LogLevel[]> = {
  error: ['fatal', 'error'],
  warn: ['fatal', 'error', 'warn'],
  info: ['fatal', 'error', 'warn', 'log'],
  debug: ['fatal', 'error', 'warn', 'log', 'debug'],
};

/** Nest tells of each module and route at start, at the level of our own lines. */
const chatter = new Set([
  'InstanceLoader',
  'RoutesResolver',
  'RouterExplorer',
  'NestFactory',
  'NestApplication',
]);

/**
 * The logger of a process, from LOG_LEVEL and LOG_FORMAT.
 *
 * @param worker name of the worker that this process is a child of; on every line
 */
export function createLogger(
  { logLevel, logFormat }: Pick<Settings, 'logLevel' | 'logFormat'>,
  worker?: string,
): DarkroomLogger {
  const options: ConsoleLoggerOptions = {
    prefix: worker === undefined ? 'Darkroom' : `Darkroom ${worker}`,
    json: logFormat !== 'pretty',
    // Nest writes one object a line only when both are so.
    ...(logFormat !== 'pretty' && { compact: true, colors: false }),
    logLevels: levels[logLevel],
  };
  return new DarkroomLogger(options, worker);
}

export class DarkroomLogger extends ConsoleLogger {
  constructor(
    options: ConsoleLoggerOptions,
    private readonly worker?: string,
  ) {
    super(options);
  }

  override log(message: unknown, ...rest: unknown[]): void {
    const context = rest.at(-1);
    if (typeof context === 'string' && chatter.has(context)) this.debug(message, ...rest);
    else super.log(message, ...(rest as [unknown]));
  }

  protected override getJsonLogObject(...args: Parameters<ConsoleLogger['getJsonLogObject']>) {
    const line = super.getJsonLogObject(...args);
    return this.worker === undefined ? line : { ...line, worker: this.worker };
  }

  /** In a terminal a control character could hide a line or write a false one. */
  protected override stringifyMessage(message: unknown, logLevel: LogLevel): string {
    const escaped = typeof message === 'string' ? escapeControls(message) : message;
    return super.stringifyMessage(escaped, logLevel);
  }
}

function escapeControls(text: string): string {
  // oxlint-disable-next-line no-control-regex -- they are what it looks for
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, (c) => {
    return `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
