import { Command } from 'commander';
import { exitCodes } from './exit.js';
import { snakeCased } from './snake-case.js';

/** The answer of a command: for programs, for people, and its exit code. */
export interface Answer {
  json: unknown;
  text: string;
  exitCode?: number;
}

export interface About {
  description: string;
  /** Command lines without `darkroom`, each with what it does. */
  examples: [line: string, what: string][];
  /** Shown below the options. */
  notes?: string;
  /** What `--json` means here, when it is not one value. */
  json?: string;
}

/** One command. Every one has --json and examples. */
export function command(parent: Command, usage: string, about: About): Command {
  const examples = examplesOf(about.examples);
  return parent
    .command(usage)
    .description(about.description)
    .option('--json', about.json ?? 'print one JSON value instead of text')
    .addHelpText('after', `${about.notes ? `\n${about.notes}\n` : ''}\nExamples:\n${examples}`);
}

/** Side by side where that fits into 100 columns. */
function examplesOf(examples: About['examples']): string {
  const width = Math.max(...examples.map(([line]) => line.length));
  const fits = examples.every(([, what]) => width + what.length < 84);
  return examples
    .map(([line, what]) => (fits ? `${line.padEnd(width)}   ${what}` : `${line}\n      ${what}`))
    .map((text) => `  $ darkroom ${text}`)
    .join('\n');
}

/** A command that only has subcommands. */
export function group(parent: Command, name: string, description: string): Command {
  return parent.command(name).description(description);
}

/** The action of a command that gives one answer. */
export function answers(work: (...args: never[]) => Promise<Answer>) {
  return async (...args: unknown[]): Promise<void> => {
    quietInterrupt();
    const { json, text, exitCode } = await work(...(args as never[]));
    await print(isJson(args) ? JSON.stringify(snakeCased(json), null, 2) : text);
    process.exitCode = exitCode ?? exitCodes.ok;
  };
}

/** Prints one thing of a stream; resolves when there is room for the next. */
export type Print = (json: unknown, text: string) => Promise<void>;

/** The action of a command that prints one thing after the other: with --json, JSON lines. */
export function streams(work: (print: Print, ...args: never[]) => Promise<number>) {
  return async (...args: unknown[]): Promise<void> => {
    quietInterrupt();
    const json = isJson(args);
    process.exitCode = await work(
      (value, text) => print(json ? JSON.stringify(snakeCased(value)) : text),
      ...(args as never[]),
    );
  };
}

function isJson(args: unknown[]): boolean {
  return (args.at(-1) as Command).opts<{ json?: boolean }>().json === true;
}

async function print(text: string): Promise<void> {
  if (text === '') return;
  await new Promise<void>((resolve) => process.stdout.write(`${text}\n`, () => resolve()));
}

/** For what is neither an answer nor an error: advice, a question, a warning. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

function quietInterrupt(): void {
  process.once('SIGINT', () => process.exit(exitCodes.interrupted));
}
