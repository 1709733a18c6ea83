import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { CliError, exitCodes, usageError } from './exit.js';

/**
 * Asks before something that cannot be undone; goes on after "y" only.
 *
 * @throws CliError without a terminal, or after any other answer
 */
export async function confirm(question: string, yes: boolean | undefined): Promise<void> {
  if (yes === true) return;
  if (!process.stdin.isTTY) {
    throw usageError(`There is no terminal to ask at ("${question}"): add --yes to go on.`);
  }
  // On standard error, so that the answer on standard output stays clean.
  const reader = createInterface({ input: process.stdin, output: process.stderr });
  reader.once('SIGINT', () => process.exit(exitCodes.interrupted));
  reader.setPrompt(`${question} [y/N] `);
  reader.prompt();
  const ended = once(reader, 'close').then(() => ['']);
  const [answer] = (await Promise.race([once(reader, 'line'), ended])) as [string];
  reader.close();
  if (!/^y(es)?$/i.test(answer.trim())) throw new CliError('Nothing was changed.');
}
