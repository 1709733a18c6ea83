import { ConsoleLogger, type ConsoleLoggerOptions, type LogLevel } from '@nestjs/common';
import { hasColours } from '../../common/colours.js';
import type { Settings } from '../../config/config.module.js';

const levels: Record<Settings['logLevel'], LogLevel[]> = {
  error: ['fatal', 'error'],
  warn: ['fatal', 'error', 'warn'],
  info: ['fatal', 'error', 'warn', 'log'],
  debug: ['fatal', 'error', 'warn', 'log', 'debug'],
};

/** At start, Nest logs each module and route at the level of our own lines. */
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
    // Errors go to standard error, which may be a file of its own.
    colors: logFormat === 'pretty' && hasColours(process.stdout) && hasColours(process.stderr),
    // With this and without colours, Nest writes one object per line.
    ...(logFormat !== 'pretty' && { compact: true }),
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

  /** The same in every time zone and for `darkroom logs`. */
  protected override getTimestamp(): string {
    return new Date().toISOString();
  }

  protected override getJsonLogObject(...args: Parameters<ConsoleLogger['getJsonLogObject']>) {
    const line = super.getJsonLogObject(...args);
    return this.worker === undefined ? line : { ...line, worker: this.worker };
  }

  /** In a terminal, a control character could hide a line or fake one. */
  protected override stringifyMessage(message: unknown, logLevel: LogLevel): string {
    const escaped = typeof message === 'string' ? escapeControls(indented(message)) : message;
    return super.stringifyMessage(escaped, logLevel);
  }

  protected override printStackTrace(stack: string): void {
    super.printStackTrace(stack && escapeControls(indented(stack)));
  }

  /** JSON escapes only half of them. */
  protected override stringifyJsonLogObject(line: Record<string, unknown>): string {
    return escapeControls(super.stringifyJsonLogObject(line));
  }
}

/** No line but the first begins like a line of the log. */
function indented(text: string): string {
  return text.replaceAll(/\n(?!\s)/g, '\n  ');
}

function escapeControls(text: string): string {
  // oxlint-disable-next-line no-control-regex -- they are what it looks for
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, (c) => {
    return `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
